import { Logger, type INestApplicationContext } from '@nestjs/common';
import { ShutdownService } from './shutdown.service.js';

/** Exit code after a shutdown that lost nothing. @publicApi */
export const EXIT_OK = 0;
/** Exit code after an uncaught error: EX_SOFTWARE of sysexits.h. @publicApi */
export const EXIT_CRASHED = 70;
/** Exit code after a shutdown that lost work: EX_TEMPFAIL of sysexits.h. @publicApi */
export const EXIT_WORK_LOST = 75;

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/**
 * Runs `cleanUp` and exits on SIGTERM or SIGINT. Use it during the start, before {@link shutDownOnSignals} can be used.
 * The returned function removes the signal handlers.
 *
 * @publicApi
 */
export function exitOnSignals(cleanUp: () => Promise<void>): () => void {
  const end = () => {
    cleanUp().then(
      () => process.exit(EXIT_OK),
      () => process.exit(EXIT_CRASHED),
    );
  };
  for (const signal of SIGNALS) process.once(signal, end);
  return () => {
    for (const signal of SIGNALS) process.removeListener(signal, end);
  };
}

/**
 * Shuts the application down and exits on SIGTERM, SIGINT, an uncaught exception or an unhandled rejection. A second
 * signal ends the process at once. Call it before `app.listen()`, and instead of `app.enableShutdownHooks()`: Nest ends
 * the process by the signal, or with exit code 0, also when work was lost.
 *
 * @publicApi
 */
export function shutDownOnSignals(app: INestApplicationContext): void {
  const service = app.get(ShutdownService);
  const logger = new Logger('Shutdown');
  let hasBegun = false;

  const end = (reason: string, code: number) => {
    hasBegun = true;
    service.shutdown(app, reason).then(
      ({ lost }) => process.exit(code !== EXIT_OK || lost.length === 0 ? code : EXIT_WORK_LOST),
      (error: unknown) => {
        logger.fatal({ err: error, msg: 'the shutdown failed' });
        process.exit(EXIT_CRASHED);
      },
    );
  };

  const onSignal = (signal: NodeJS.Signals) => {
    if (hasBegun) {
      logger.error({ inFlight: service.describeInFlight(), msg: `second signal ${signal}: the process ends at once` });
      process.exit(EXIT_WORK_LOST);
    }
    end(signal, EXIT_OK);
  };

  const onCrash = (kind: string) => (error: unknown) => {
    logger.fatal({ err: error, msg: kind });
    if (!hasBegun) end(kind, EXIT_CRASHED);
  };

  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.on('uncaughtException', onCrash('uncaught exception'));
  process.on('unhandledRejection', onCrash('unhandled rejection'));
}
