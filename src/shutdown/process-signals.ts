import { Logger } from '@nestjs/common';
import type { ShutdownService } from './shutdown.service.js';

/** Exit codes. 70 and 75 are from sysexits.h. @publicApi */
export const EXIT_OK = 0;
/** @publicApi */
export const EXIT_CRASHED = 70;
/** @publicApi */
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
 * signal ends the process at once.
 *
 * @publicApi
 */
export function shutDownOnSignals(service: ShutdownService): void {
  const logger = new Logger('Shutdown');
  let hasBegun = false;

  const end = (reason: string, code: number) => {
    hasBegun = true;
    service.shutdown(reason).then(
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
