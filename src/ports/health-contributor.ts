import { DiscoveryService } from '@nestjs/core';

/**
 * Groups of health checks: readiness for traffic, completed start, the application, and the application with all its
 * dependencies.
 *
 * @publicApi
 */
export const HEALTH_GROUPS = ['ready', 'startup', 'full', 'deep'] as const;

/** @publicApi */
export type HealthGroup = (typeof HEALTH_GROUPS)[number];

/** @publicApi */
export interface HealthContributorOptions {
  /** Name of the check in reports and metrics, such as `database`. */
  key: string;
  /** Probe groups that include the check. @default ['ready', 'full', 'deep'] */
  groups?: readonly HealthGroup[];
  /** Whether the group is down if this check fails. If false, the group is only degraded. @default true */
  critical?: boolean;
  /** Time limit of the check, in milliseconds. A check that takes longer counts as failed. @default 1000 */
  timeoutMs?: number;
  /** How long a result is reused for further probes, in milliseconds. @default 1000 */
  cacheMs?: number;
}

/** Details that a check reports. Only callers who may see details receive them. @publicApi */
export interface HealthReport {
  /** Reason, if the component works with restrictions. */
  degraded?: string;
  [detail: string]: unknown;
}

/**
 * A check that a module adds to the health probes. If `check()` throws, the component is down.
 *
 * @publicApi
 */
export interface HealthContributor {
  /** Whether the check is needed. Called once, at start. @default true */
  isActive?(): boolean;
  check(signal: AbortSignal): Promise<HealthReport | void> | HealthReport | void;
}

/**
 * Makes a provider a health check. HealthModule finds the provider in any module. The decorator lets a module offer a
 * check without depending on HealthModule.
 *
 * @publicApi
 */
export const HealthCheckOf = DiscoveryService.createDecorator<HealthContributorOptions>();
