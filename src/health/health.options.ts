/** @publicApi */
export interface HealthModuleOptions {
  /**
   * Which checks each probe group asks, by key. A group that is not named keeps the checks that ask to be in it.
   * A key that no module provides stops the start.
   * @default { } (every check in the groups of its own choice)
   */
  groups?: Readonly<Record<string, readonly string[]>>;
  /** Share of the heap limit or of the container's memory above which memory is degraded. @default 0.9 */
  memoryThreshold?: number;
  /** Folder whose file system the disk check looks at. @default the working directory */
  diskPath?: string;
  /** Share of the disk that has to be free. @default 0.05 */
  diskFreeThreshold?: number;
}

export type HealthSettings = Readonly<Required<HealthModuleOptions>>;

export const HEALTH_SETTINGS = Symbol('bulwark.healthSettings');

export function healthSettings(options: HealthModuleOptions): HealthSettings {
  return Object.freeze({
    groups: options.groups ?? {},
    memoryThreshold: options.memoryThreshold ?? 0.9,
    diskPath: options.diskPath ?? process.cwd(),
    diskFreeThreshold: options.diskFreeThreshold ?? 0.05,
  });
}
