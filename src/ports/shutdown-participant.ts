import { DiscoveryService } from '@nestjs/core';

/**
 * The phases of a shutdown, in their order. All participants of one phase run in parallel.
 *
 * @publicApi
 */
export enum ShutdownPhase {
  /** The readiness probe fails. Requests still arrive and are served. Deregister this process from other services. */
  Drain = 1,
  /** The port closes. Stop taking work from queues and schedules. */
  StopIntake = 2,
  /** Requests and jobs are finished. Write buffered data. */
  Flush = 3,
  /** Close connections. Nest's own shutdown hooks run after the participants of this phase. */
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
 * Makes a provider take part in a phase of the shutdown. The decorator lets a module take part without depending on
 * ShutdownModule.
 *
 * @publicApi
 */
export const OnShutdown = DiscoveryService.createDecorator<{ phase: ShutdownPhase }>();
