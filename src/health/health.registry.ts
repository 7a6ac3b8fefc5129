import { Inject, Injectable, Logger, Optional, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import {
  HEALTH_GROUPS,
  HealthCheckOf,
  Metrics,
  NoMetrics,
  type HealthContributor,
  type HealthGroup,
} from '../ports/index.js';
import { HealthCheckRunner, type HealthResult, type HealthState } from './health-check.runner.js';
import { HEALTH_SETTINGS, type HealthSettings } from './health.options.js';
import { DataSourceHealth, isDataSource, nameOfDataSource, type CheckedDataSource } from './data-source.health.js';
import { HttpServiceHealth } from './http-service.health.js';

/** Values of the metric `health_check_state`. */
const STATE_VALUES: Record<HealthState, number> = { up: 1, degraded: 0.5, down: 0 };

/**
 * Every health check of the application. It finds the checks of all modules by their decorator.
 *
 * @publicApi
 */
@Injectable()
export class HealthRegistry implements OnApplicationBootstrap {
  private readonly logger = new Logger('Health');
  private readonly states = new Map<string, HealthState>();
  private readonly changes;
  private runners: HealthCheckRunner[] = [];

  /** @internal */
  constructor(
    private readonly discovery: DiscoveryService,
    @Inject(HEALTH_SETTINGS) private readonly settings: HealthSettings,
    @Optional() private readonly metrics: Metrics = new NoMetrics(),
  ) {
    this.changes = metrics.counter({
      name: 'health_check_changes_total',
      help: 'Changes of a health check to a state.',
      labelNames: ['check', 'state'],
    });
  }

  onApplicationBootstrap(): void {
    for (const wrapper of this.discovery.getProviders({ metadataKey: HealthCheckOf.KEY })) {
      const options = this.discovery.getMetadataByDecorator(HealthCheckOf, wrapper);
      const contributor = wrapper.instance as HealthContributor;
      if (options && contributor.isActive?.() !== false) this.runners.push(new HealthCheckRunner(contributor, options));
    }
    this.addDataSources();
    for (const service of this.settings.services) {
      const options = HttpServiceHealth.toContributorOptions(service);
      this.runners.push(new HealthCheckRunner(new HttpServiceHealth(service), options));
    }
    this.validate();
    this.metrics.gauges(
      { name: 'health_check_state', help: 'Last result: 1 up, 0.5 degraded, 0 down.', labelNames: ['check'] },
      () => [...this.states].map(([check, state]) => ({ labels: { check }, value: STATE_VALUES[state] })),
    );
  }

  /** Runs all checks of a group in parallel. */
  async checkGroup(group: HealthGroup): Promise<Map<string, HealthResult>> {
    const entries = await Promise.all(
      this.getGroupMembers(group).map(async (runner) => [runner.key, await runner.getResult()] as const),
    );
    for (const [key, result] of entries) this.recordResult(key, result);
    return new Map(entries);
  }

  /** Several providers can give the same data source. It gets one check. */
  private addDataSources(): void {
    const names = new Map<CheckedDataSource, string | undefined>();
    // Modules give a data source again, with a symbol as the token. Its name is in the token of @nestjs/typeorm.
    const isSymbol = ({ token }: { token: unknown }) => Number(typeof token === 'symbol');
    const providers = this.discovery.getProviders().toSorted((a, b) => isSymbol(a) - isSymbol(b));
    for (const { instance, token, isAlias } of providers) {
      if (!isAlias && isDataSource(instance) && !names.has(instance)) names.set(instance, nameOfDataSource(token));
    }
    const { dataSources } = this.settings;
    const found = [...names.values()].map((name = 'default') => name);
    const unknown = Object.keys(dataSources).find((name) => !found.includes(name));
    if (unknown !== undefined) {
      throw new Error(
        `HealthModule has an option for the data source "${unknown}", which does not exist. Known: ${found.join(', ')}`,
      );
    }
    for (const [source, name] of names) {
      const check = dataSources[name ?? 'default'] ?? 'critical';
      const options = DataSourceHealth.toContributorOptions(name, check);
      if (check !== 'off') this.runners.push(new HealthCheckRunner(new DataSourceHealth(source), options));
    }
  }

  /** Logs and counts a result only if the state has changed. */
  private recordResult(key: string, { state, details }: HealthResult): void {
    const before = this.states.get(key);
    if (before === state) return;
    this.states.set(key, state);
    this.changes.labels({ check: key, state }).add();
    if (before === undefined && state === 'up') return;
    const line = { check: key, state, before, reason: details['reason'], msg: `health of ${key}: ${state}` };
    if (state === 'up') this.logger.log(line);
    else this.logger.warn(line);
  }

  private getGroupMembers(group: HealthGroup): HealthCheckRunner[] {
    const keys = this.settings.groups[group];
    return this.runners.filter((runner) => (keys ? keys.includes(runner.key) : runner.groups.includes(group)));
  }

  private validate(): void {
    const keys = this.runners.map(({ key }) => key);
    const repeated = keys.find((key, index) => keys.indexOf(key) !== index);
    if (repeated !== undefined) throw new Error(`Two health checks have the key "${repeated}". Rename one of them.`);
    for (const [group, members] of Object.entries(this.settings.groups)) {
      if (!HEALTH_GROUPS.includes(group as HealthGroup)) {
        throw new Error(`Unknown health group "${group}". Known groups: ${HEALTH_GROUPS.join(', ')}`);
      }
      const unknown = members.find((member) => !keys.includes(member));
      if (unknown !== undefined) {
        throw new Error(
          `Health group "${group}" lists the check "${unknown}", which no module provides. Known checks: ${keys.join(', ')}`,
        );
      }
    }
  }
}
