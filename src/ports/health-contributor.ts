import { DiscoveryService } from '@nestjs/core';

/**
 * What is asked of an application: may it get traffic, has it started, how is it, how is it and all it relies on.
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
  /** Whether its failure takes the group down; otherwise the group is only degraded. @default true */
  critical?: boolean;
  /** Hard limit after which the check counts as failed, in milliseconds. @default 1000 */
  timeoutMs?: number;
  /** How long one result serves further probes, in milliseconds. @default 1000 */
  cacheMs?: number;
}

/** What a check reports beyond being up: figures for those who may see details. @publicApi */
export interface HealthReport {
  /** Set where the component works, but impaired. */
  degraded?: string;
  [detail: string]: unknown;
}

/**
 * A check that a module adds to the health probes. Throwing means down.
 *
 * @publicApi
 */
export interface HealthContributor {
  /** Whether there is anything to check; asked once, at start. @default true */
  isActive?(): boolean;
  check(signal: AbortSignal): Promise<HealthReport | void> | HealthReport | void;
}

/**
 * Makes a provider a health check, found by HealthModule wherever it is declared. It stands in `common` so that a
 * module can offer a check without depending on HealthModule.
 *
 * @publicApi
 */
export const HealthCheckOf = DiscoveryService.createDecorator<HealthContributorOptions>();
