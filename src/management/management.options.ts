/** @publicApi */
export interface ManagementModuleOptions {
  /** Port of probes, metrics and routes that are marked `@Management()`. */
  port: number;
  /**
   * Address to listen on. Use `0.0.0.0` or `::` (all addresses) if the platform sends probes from another machine.
   *
   * @default '127.0.0.1'
   */
  host?: string;
  /** Maximum number of open connections. Further connections are closed, so that this port cannot exhaust the process. @default 1000 */
  maxConnections?: number;
}

export const MANAGEMENT_OPTIONS = Symbol('bulwark.managementOptions');
