import type { LoggerService, LogLevel } from '@nestjs/common';
import { destination, pino, stdSerializers, type DestinationStream, type Logger } from 'pino';
import { currentContext } from '../context/index.js';
import { REDACTED, withoutSecrets } from '../common/index.js';
import { AnonymousLines } from './anonymous-lines.js';

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

/** Nest's levels, the most talkative first. */
const LEVELS: readonly [LogLevel, PinoLevel][] = [
  ['verbose', 'trace'],
  ['debug', 'debug'],
  ['log', 'info'],
  ['warn', 'warn'],
  ['error', 'error'],
  ['fatal', 'fatal'],
];

const LIMITED_LEVELS: ReadonlySet<PinoLevel> = new Set(['warn', 'error']);

/** Contexts of Nest's own that tell at start what everybody can read in the code. */
const START_UP_CHATTER = new Set([
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestFactory',
  'NestApplication',
  // Repeats, with a stack, the error that a failed start throws and its caller reports.
  'ExceptionHandler',
]);

/**
 * Nest's logger on pino: JSON lines, each with the request id of the request it was written for. Errors stand under
 * `err`, secrets are blanked by key, and by their form wherever they stand.
 *
 * @publicApi
 */
export class PinoLogger implements LoggerService {
  /** For lines of application code: the request id comes from the context. */
  readonly pino: Logger;
  /** For access lines, which bring their request id along and so skip the look-up. */
  readonly access: Logger;
  /** Bounds the lines that callers without a name cause. @internal */
  readonly anonymousLines = new AnonymousLines({
    problems: ({ count, clients }) =>
      this.pino.warn({
        leftOut: count,
        kinds: clients.map(({ client, count: lines }) => ({ kind: client, lines })),
        msg: 'warnings and errors of requests without a known caller were left out of the log',
      }),
    refusals: ({ count, clients }) =>
      this.access.info({ leftOut: count, clients, msg: 'refused requests were left out of the log' }),
  });

  constructor(options: PinoLoggerOptions = {}) {
    const sink = options.destination ?? backgroundStdout();
    const shared = {
      level: options.level ?? 'info',
      base: null,
      serializers: { err: errorFields },
      formatters: { level: (label: string) => ({ level: label }) },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
    };
    this.access = pino(shared, sink);
    this.pino = pino(
      {
        ...shared,
        redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: REDACTED },
        // In the whole line: message, fields and stack alike.
        hooks: { streamWrite: withoutSecrets },
        mixin: () => {
          const requestId = currentContext()?.requestId;
          return requestId === undefined ? {} : { requestId };
        },
      },
      sink,
    );
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.write(START_UP_CHATTER.has(String(rest.at(-1))) ? 'debug' : 'info', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write(START_UP_CHATTER.has(String(rest.at(-1))) ? 'debug' : 'error', message, rest);
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

  /** Nest passes the context last and, for errors, a stack before it; callers add errors and objects of their own. */
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
    if (LIMITED_LEVELS.has(level) && !this.anonymousLines.admitProblem(kindOf(level, message, fields))) return;
    if (message instanceof Error) this.pino[level]({ ...fields, err: message });
    else if (typeof message === 'object' && message !== null) this.pino[level]({ ...fields, ...message });
    else this.pino[level](fields, String(message));
  }
}

/** Lines of one kind say the same. */
function kindOf(level: PinoLevel, message: unknown, fields: Readonly<Record<string, unknown>>): string {
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
 * What the log keeps of an error. Not its other properties: errors of HTTP clients carry the request with its
 * credentials, and those of the database the values of the statement.
 */
function errorFields(error: unknown): unknown {
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

/** Writes without blocking requests; what is still buffered when the process ends is written then. */
function backgroundStdout(): DestinationStream {
  const stdout = destination({ fd: 1, sync: false });
  process.once('exit', () => {
    try {
      stdout.flushSync();
    } catch {
      // The stream was never opened or its reader is gone: there is nobody left to tell.
    }
  });
  return stdout;
}
