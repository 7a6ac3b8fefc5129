/** @publicApi */
export interface ManagementModuleOptions {
  /** Port of probes, metrics and routes that are marked `@Management()`. */
  port: number;
  /** Address to listen on. @default '0.0.0.0' */
  host?: string;
}

export const MANAGEMENT_OPTIONS = Symbol('bulwark.managementOptions');
