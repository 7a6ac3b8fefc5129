/** @publicApi */
export interface ShutdownModuleOptions {
  /**
   * Pause between readiness saying no and the port closing, in milliseconds: as long as the load balancer needs to
   * notice. @default 5000
   */
  drainDelayMs?: number;
  /** Longest wait for requests and jobs in flight, once the port is closed, in milliseconds. @default 30000 */
  timeoutMs?: number;
  /** Longest wait for the participants of one phase and for Nest's own hooks, in milliseconds. @default 10000 */
  phaseTimeoutMs?: number;
  /**
   * How long a connection has to be quiet before it is closed, in milliseconds. A request that is already on its way
   * would be lost with it; one that comes in time is answered with `Connection: close`. @default 250
   */
  quietMs?: number;
}

export type ShutdownSettings = Readonly<Required<ShutdownModuleOptions>>;

export const SHUTDOWN_SETTINGS = Symbol('bulwark.shutdownSettings');

export function shutdownSettings(options: ShutdownModuleOptions): ShutdownSettings {
  return Object.freeze({
    drainDelayMs: options.drainDelayMs ?? 5_000,
    timeoutMs: options.timeoutMs ?? 30_000,
    phaseTimeoutMs: options.phaseTimeoutMs ?? 10_000,
    quietMs: options.quietMs ?? 250,
  });
}
