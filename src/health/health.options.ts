import type { HealthGroup } from '../ports/index.js';

/** A service that is asked over HTTP, such as a payment provider. @publicApi */
export interface HttpServiceCheck {
  /** Name of the check. */
  key: string;
  url: string;
  /** @default 200 */
  expectedStatus?: number;
  /** Whether the application is down without it; otherwise only degraded. @default false */
  critical?: boolean;
  /** @default ['full', 'deep'] */
  groups?: readonly HealthGroup[];
  /** Hard limit, in milliseconds. @default 1000 */
  timeoutMs?: number;
  /** How long one answer serves further probes, in milliseconds. @default 10000 */
  cacheMs?: number;
}

/** @publicApi */
export interface HealthModuleOptions {
  /**
   * Which checks each probe group asks, by key. A group that is not named keeps the checks that ask to be in it.
   * A key that no module provides stops the start.
   * @default { } (every check in the groups of its own choice)
   */
  groups?: Readonly<Partial<Record<HealthGroup, readonly string[]>>>;
  /** Services to ask over HTTP. @default [] */
  services?: readonly HttpServiceCheck[];
  /** Bearer token whose holder sees details, as administrators do. @default nobody but administrators */
  detailsToken?: string;
  /** Share of the heap limit or of the container's memory above which memory is degraded. @default 0.9 */
  memoryThreshold?: number;
  /** Delay of the event loop (99th percentile over five seconds or more) above which it is degraded, in ms. @default 250 */
  eventLoopDelayMs?: number;
  /** Folder whose file system the disk check looks at. @default the working directory */
  diskPath?: string;
  /** Share of the disk that has to be free. @default 0.05 */
  diskFreeThreshold?: number;
}

export type HealthSettings = Readonly<
  Required<Omit<HealthModuleOptions, 'detailsToken'>> & { detailsToken: string | undefined }
>;

export const HEALTH_SETTINGS = Symbol('bulwark.healthSettings');

export function healthSettings(options: HealthModuleOptions): HealthSettings {
  return Object.freeze({
    groups: options.groups ?? {},
    services: options.services ?? [],
    detailsToken: options.detailsToken,
    memoryThreshold: options.memoryThreshold ?? 0.9,
    eventLoopDelayMs: options.eventLoopDelayMs ?? 250,
    diskPath: options.diskPath ?? process.cwd(),
    diskFreeThreshold: options.diskFreeThreshold ?? 0.05,
  });
}
