import type { LoggerService, LogLevel } from '@nestjs/common';
import { destination, pino, stdSerializers, type DestinationStream, type Logger } from 'pino';
import { currentContext } from '../common/index.js';

/** @publicApi */
export interface PinoLoggerOptions {
  /** @default 'info' */
  level?: string;
  /** @default standard output, written in the background and flushed at exit */
  destination?: DestinationStream;
}

const SECRET_KEYS = ['password', 'secret', 'token', 'accessToken', 'refreshToken', 'authorization', 'cookie'];

/** Contexts of Nest's own that tell at start what everybody can read in the code. */
const START_UP_CHATTER = new Set([
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestFactory',
  'NestApplication',
]);

/**
 * Nest's logger on pino: JSON lines, each with the request id of the request it was written for. Errors stand under
 * `err`, secrets are blanked by key.
 *
 * @publicApi
 */
export class PinoLogger implements LoggerService {
  /** For lines of application code: the request id comes from the context. */
  readonly pino: Logger;
  /** For access lines, which bring their request id along and so skip the look-up. */
  readonly access: Logger;

  constructor(options: PinoLoggerOptions = {}) {
    const sink = options.destination ?? backgroundStdout();
    const shared = {
      level: options.level ?? 'info',
      base: null,
      serializers: { err: stdSerializers.err },
      formatters: { level: (label: string) => ({ level: label }) },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
    };
    this.access = pino(shared, sink);
    this.pino = pino(
      {
        ...shared,
        redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`]), censor: '[redacted]' },
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
    this.write('error', message, rest);
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
    this.pino.level = levels.includes('debug') ? 'debug' : levels.includes('log') ? 'info' : 'warn';
  }

  /** Nest passes the context last and, for errors, a stack before it. */
  private write(level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal', message: unknown, rest: unknown[]) {
    const context = typeof rest.at(-1) === 'string' ? (rest.at(-1) as string) : undefined;
    const stack = rest.length > 1 && typeof rest[0] === 'string' ? rest[0] : undefined;
    const fields: Record<string, unknown> = { ...(context && { context }), ...(stack && { stack }) };
    if (message instanceof Error) this.pino[level]({ ...fields, err: message });
    else if (typeof message === 'object' && message !== null) this.pino[level]({ ...fields, ...message });
    else this.pino[level](fields, String(message));
  }
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
