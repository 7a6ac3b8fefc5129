import { DiscoveryService } from '@nestjs/core';

/**
 * The steps of a shutdown, in their order. What takes part in one step runs side by side.
 *
 * @publicApi
 */
export enum ShutdownPhase {
  /** Traffic still comes and is answered; readiness says no more. Tell others that this process goes. */
  Drain = 1,
  /** The port closes. Stop to take work from queues and schedules. */
  StopIntake = 2,
  /** Requests and jobs are done. Write out what is buffered. */
  Flush = 3,
  /** Close connections. Nest's own hooks run here, after these. */
  Close = 4,
}

/**
 * A provider that takes part in the shutdown.
 *
 * @publicApi
 */
export interface ShutdownParticipant {
  onShutdown(): Promise<void> | void;
}

/**
 * Makes a provider take part in a phase of the shutdown. It stands in `common` so that a module can take part without
 * depending on ShutdownModule.
 *
 * @publicApi
 */
export const OnShutdown = DiscoveryService.createDecorator<{ phase: ShutdownPhase }>();
