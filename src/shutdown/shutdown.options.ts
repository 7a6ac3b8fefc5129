/** @publicApi */
export interface ShutdownModuleOptions {
  /**
   * Pause between the failing readiness probe and the closed port, in milliseconds. The load balancer must notice the
   * probe within this time. There is no pause if no port is open.
   * @default 5000 if NODE_ENV is production, otherwise 0, so that tests and restarts during development do not wait
   */
  drainDelayMs?: number;
  /** Maximum wait for running requests and jobs after the port is closed, in milliseconds. @default 30000 */
  timeoutMs?: number;
  /** Maximum wait for the participants of one phase, and for Nest's own hooks, in milliseconds. @default 10000 */
  phaseTimeoutMs?: number;
  /**
   * How long a connection must be idle before it is closed, in milliseconds. A request that arrives within this time gets
   * a response with `Connection: close`. A request that arrives later is lost. @default 250
   */
  connectionIdleMs?: number;
}

export type ShutdownSettings = Readonly<Required<ShutdownModuleOptions>>;

export const SHUTDOWN_SETTINGS = Symbol('bulwark.shutdownSettings');

export function shutdownSettings(options: ShutdownModuleOptions): ShutdownSettings {
  return Object.freeze({
    drainDelayMs: options.drainDelayMs ?? (process.env['NODE_ENV'] === 'production' ? 5_000 : 0),
    timeoutMs: options.timeoutMs ?? 30_000,
    phaseTimeoutMs: options.phaseTimeoutMs ?? 10_000,
    connectionIdleMs: options.connectionIdleMs ?? 250,
  });
}
