import { Logger } from '@nestjs/common';
import type { ShutdownService } from './shutdown.service.js';

/** Exit codes; 70 and 75 are those of sysexits.h. */
export const EXIT_IN_ORDER = 0;
export const EXIT_CRASHED = 70;
export const EXIT_CUT = 75;

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/**
 * Ends the process on a signal that comes before there is anything to shut down but what `cleanUp` takes care of. The
 * answer takes the handler away again.
 *
 * @publicApi
 */
export function endOnSignals(cleanUp: () => Promise<void>): () => void {
  const end = () => {
    cleanUp().then(
      () => process.exit(EXIT_IN_ORDER),
      () => process.exit(EXIT_CRASHED),
    );
  };
  for (const signal of SIGNALS) process.once(signal, end);
  return () => {
    for (const signal of SIGNALS) process.removeListener(signal, end);
  };
}

/**
 * Ends the process by the shutdown when it is told to or when it crashes. A second signal ends it at once.
 *
 * @publicApi
 */
export function shutDownOnSignals(service: ShutdownService): void {
  const logger = new Logger('Shutdown');
  let hasBegun = false;

  const end = (reason: string, code: number) => {
    hasBegun = true;
    service.shutdown(reason).then(
      ({ lost }) => process.exit(code !== EXIT_IN_ORDER || lost.length === 0 ? code : EXIT_CUT),
      (error: unknown) => {
        logger.fatal({ err: error, msg: 'the shutdown itself failed' });
        process.exit(EXIT_CRASHED);
      },
    );
  };

  const onSignal = (signal: NodeJS.Signals) => {
    if (hasBegun) {
      logger.error({ inFlight: service.describeInFlight(), msg: `a second signal, ${signal}: ending at once` });
      process.exit(EXIT_CUT);
    }
    end(signal, EXIT_IN_ORDER);
  };

  const onCrash = (kind: string) => (error: unknown) => {
    logger.fatal({ err: error, msg: kind });
    if (!hasBegun) end(kind, EXIT_CRASHED);
  };

  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.on('uncaughtException', onCrash('uncaught exception'));
  process.on('unhandledRejection', onCrash('unhandled rejection'));
}
