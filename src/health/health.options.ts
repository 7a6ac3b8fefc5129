import type { HealthGroup } from '../ports/index.js';

/** A service that is checked over HTTP, such as a payment provider. @publicApi */
export interface HttpServiceCheck {
  /** Name of the check. */
  key: string;
  url: string;
  /** @default 200 */
  expectedStatus?: number;
  /** Whether the application is down without the service. If false, it is only degraded. @default false */
  critical?: boolean;
  /** @default ['full', 'deep'] */
  groups?: readonly HealthGroup[];
  /** Time limit of the check, in milliseconds. @default 1000 */
  timeoutMs?: number;
  /** How long a result is reused for further probes, in milliseconds. @default 10000 */
  cacheMs?: number;
}

/**
 * How a data source counts: `critical`, the application is not ready without it; `optional`, it is only degraded; `off`, it
 * is not checked.
 *
 * @publicApi
 */
export type DataSourceCheck = 'critical' | 'optional' | 'off';

/** @publicApi */
export interface HealthModuleOptions {
  /**
   * How the data sources of TypeORM count, by name; `default` is the one without a name. Each gets a check with the key
   * `database` or `database-NAME`. @default {} (each one is critical)
   */
  dataSources?: Readonly<Record<string, DataSourceCheck>>;
  /**
   * Keys of the checks in each probe group. A group that is not listed contains the checks that declare it.
   * The start fails if no module provides a key.
   * @default { } (every check is in the groups that it declares)
   */
  groups?: Readonly<Partial<Record<HealthGroup, readonly string[]>>>;
  /** Services to check over HTTP. @default [] */
  services?: readonly HttpServiceCheck[];
  /** Bearer token whose owner sees details. @default only administrators see details */
  detailsToken?: string;
  /** Share (0 to 1) of the heap limit or of the container's memory above which memory is degraded. @default 0.9 */
  memoryThreshold?: number;
  /** Delay of the event loop (99th percentile over five seconds or more) above which it is degraded, in ms. @default 250 */
  eventLoopDelayMs?: number;
  /** Folder whose file system the disk check reads. @default the working directory */
  diskPath?: string;
  /** Share (0 to 1) of the disk that must be free. @default 0.05 */
  diskFreeThreshold?: number;
}

export type HealthSettings = Readonly<
  Required<Omit<HealthModuleOptions, 'detailsToken'>> & { detailsToken: string | undefined }
>;

export const HEALTH_SETTINGS = Symbol('bulwark.healthSettings');

export function healthSettings(options: HealthModuleOptions): HealthSettings {
  return Object.freeze({
    groups: options.groups ?? {},
    dataSources: options.dataSources ?? {},
    services: options.services ?? [],
    detailsToken: options.detailsToken,
    memoryThreshold: options.memoryThreshold ?? 0.9,
    eventLoopDelayMs: options.eventLoopDelayMs ?? 250,
    diskPath: options.diskPath ?? process.cwd(),
    diskFreeThreshold: options.diskFreeThreshold ?? 0.05,
  });
}
