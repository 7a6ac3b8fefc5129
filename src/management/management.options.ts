/** @publicApi */
export interface ManagementModuleOptions {
  /** Port of probes, metrics and routes that are marked `@Management()`. */
  port: number;
  /**
   * Address to listen on; `0.0.0.0` or `::` for all, where platforms ask for probes from other machines.
   *
   * @default '127.0.0.1'
   */
  host?: string;
  /** Connections at once. More are closed at once, so that this port cannot use up the process. @default 1000 */
  maxConnections?: number;
}

export const MANAGEMENT_OPTIONS = Symbol('bulwark.managementOptions');
