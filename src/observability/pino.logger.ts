import type { LoggerService, LogLevel } from '@nestjs/common';
import { destination, pino, stdSerializers, type DestinationStream, type Logger } from 'pino';
import { currentContext } from '../context/index.js';
import { REDACTED, redactSecrets } from '../common/index.js';
import { AnonymousLogLimiter } from './anonymous-log-limiter.js';

/** @publicApi */
export interface PinoLoggerOptions {
  /** @default 'info' */
  level?: string;
  /** @default standard output, written in the background and flushed at exit */
  destination?: DestinationStream;
}

const SECRET_KEYS = [
  'password',
  'secret',
  'token',
  'accessToken',
  'refreshToken',
  'mfaToken',
  'recoveryCode',
  'recoveryCodes',
  'apiKey',
  'authorization',
  'cookie',
];

type PinoLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** Nest's levels, from the most verbose to the least verbose. */
const LEVELS: readonly [LogLevel, PinoLevel][] = [
  ['verbose', 'trace'],
  ['debug', 'debug'],
  ['log', 'info'],
  ['warn', 'warn'],
  ['error', 'error'],
  ['fatal', 'fatal'],
];

const LIMITED_LEVELS: ReadonlySet<PinoLevel> = new Set(['warn', 'error']);

/** Contexts of the lines that Nest writes at start. They are logged at level `debug`. */
const NEST_STARTUP_CONTEXTS = new Set([
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestFactory',
  'NestApplication',
  // Logs the error of a failed start with its stack. The caller of the start reports the same error.
  'ExceptionHandler',
]);

/**
 * Nest's logger, based on pino. It writes JSON lines with the id of the current request. Errors are in the field `err`.
 * Secrets are redacted by key, and by their format in any place.
 *
 * @publicApi
 */
export class PinoLogger implements LoggerService {
  /** Logger for application code. It reads the request id from the context. */
  readonly pino: Logger;
  /** Logger for access lines. They contain the request id already, so no look-up is needed. */
  readonly access: Logger;
  private readonly anonymousLogLimiter = new AnonymousLogLimiter(({ count, clients }) =>
    this.pino.warn({
      leftOut: count,
      kinds: clients.map(({ client, count: lines }) => ({ kind: client, lines })),
      msg: 'the limit for warnings and errors of unknown callers was reached, and lines were dropped',
    }),
  );

  constructor(options: PinoLoggerOptions = {}) {
    const sink = options.destination ?? createBufferedStdout();
    const shared = {
      level: options.level ?? 'info',
      base: null,
      serializers: { err: toErrorFields },
      formatters: { level: (label: string) => ({ level: label }) },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
    };
    this.access = pino(shared, sink);
    this.pino = pino(
      {
        ...shared,
        redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: REDACTED },
        // Redacts the whole line: message, fields and stack.
        hooks: { streamWrite: redactSecrets },
        mixin: () => {
          const requestId = currentContext()?.requestId;
          return requestId === undefined ? {} : { requestId };
        },
      },
      sink,
    );
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.write(NEST_STARTUP_CONTEXTS.has(String(rest.at(-1))) ? 'debug' : 'info', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write(NEST_STARTUP_CONTEXTS.has(String(rest.at(-1))) ? 'debug' : 'error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  setLogLevels(levels: LogLevel[]): void {
    this.pino.level = LEVELS.find(([nestLevel]) => levels.includes(nestLevel))?.[1] ?? 'silent';
  }

  /** Nest passes the context as the last argument and, for errors, the stack before it. Callers add errors and objects. */
  private write(level: PinoLevel, message: unknown, rest: unknown[]): void {
    if (!this.pino.isLevelEnabled(level)) return;
    const fields: Record<string, unknown> = {};
    const extras = [...rest];
    if (typeof extras.at(-1) === 'string') fields['context'] = extras.pop();
    for (const extra of extras) {
      if (extra instanceof Error) fields['err'] = extra;
      else if (typeof extra === 'string' && level === 'error') fields['err'] = { message, stack: extra };
      else if (typeof extra === 'object' && extra !== null) Object.assign(fields, extra);
      else if (extra !== undefined) fields['extra'] = extra;
    }
    if (LIMITED_LEVELS.has(level) && !this.anonymousLogLimiter.admit(getLineKind(level, message, fields))) return;
    if (message instanceof Error) this.pino[level]({ ...fields, err: message });
    else if (typeof message === 'object' && message !== null) this.pino[level]({ ...fields, ...message });
    else this.pino[level](fields, String(message));
  }
}

/** Returns the kind of a line. Lines with the same message and error are of one kind. */
function getLineKind(level: PinoLevel, message: unknown, fields: Readonly<Record<string, unknown>>): string {
  const all: Record<string, unknown> = { ...fields };
  if (message instanceof Error) all['err'] = message;
  else if (typeof message === 'object') Object.assign(all, message);
  else all['msg'] = message;
  const { context, msg, err } = all;
  return [level, context, msg, err instanceof Error ? `${err.name}: ${err.message}` : undefined]
    .filter((part) => typeof part === 'string')
    .join(' | ');
}

/**
 * Returns the fields of an error that are logged. Other properties are left out: errors of HTTP clients hold the request
 * with its credentials, and errors of the database hold the values of the statement.
 */
function toErrorFields(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { type, message, stack, aggregateErrors } = stdSerializers.err(error);
  const { code } = error as NodeJS.ErrnoException;
  return {
    type,
    message,
    ...(code !== undefined && { code }),
    stack,
    ...(aggregateErrors && { aggregateErrors: aggregateErrors.map((inner: { stack: string }) => inner.stack) }),
  };
}

/** Buffers lines so that writing does not block requests. Flushes the buffer when the process exits. */
function createBufferedStdout(): DestinationStream {
  const stdout = destination({ fd: 1, sync: false });
  process.once('exit', () => {
    try {
      stdout.flushSync();
    } catch {
      // The stream was never opened or its reader is gone, so the lines cannot be written.
    }
  });
  return stdout;
}
