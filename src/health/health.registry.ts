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
import { HealthCheckRunner, type HealthFinding, type HealthState } from './health-check.runner.js';
import { HEALTH_SETTINGS, type HealthSettings } from './health.options.js';
import { HttpServiceHealth } from './http-service.health.js';

/** Values of the metric that shows a check's state. */
const STATE_VALUES: Record<HealthState, number> = { up: 1, degraded: 0.5, down: 0 };

/**
 * Every health check of the application, found by its decorator wherever a module declares it.
 *
 * @publicApi
 */
@Injectable()
export class HealthRegistry implements OnApplicationBootstrap {
  private readonly logger = new Logger('Health');
  private readonly states = new Map<string, HealthState>();
  private readonly changes;
  private runners: HealthCheckRunner[] = [];

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
    for (const service of this.settings.services) {
      const options = HttpServiceHealth.optionsOf(service);
      this.runners.push(new HealthCheckRunner(new HttpServiceHealth(service), options));
    }
    this.validate();
    this.metrics.gauges(
      { name: 'health_check_state', help: '1 up, 0.5 degraded, 0 down, at the last look.', labelNames: ['check'] },
      () => [...this.states].map(([check, state]) => ({ labels: { check }, value: STATE_VALUES[state] })),
    );
  }

  /** Asks every check of a group, all at once. */
  async examine(group: HealthGroup): Promise<Map<string, HealthFinding>> {
    const entries = await Promise.all(
      this.membersOf(group).map(async (runner) => [runner.key, await runner.find()] as const),
    );
    for (const [key, finding] of entries) this.recordFinding(key, finding);
    return new Map(entries);
  }

  /** One line and one count for a change, however often probes come by. */
  private recordFinding(key: string, { state, details }: HealthFinding): void {
    const before = this.states.get(key);
    if (before === state) return;
    this.states.set(key, state);
    this.changes.labels({ check: key, state }).add();
    if (before === undefined && state === 'up') return;
    const line = { check: key, state, before, reason: details['reason'], msg: `health of ${key}: ${state}` };
    if (state === 'up') this.logger.log(line);
    else this.logger.warn(line);
  }

  private membersOf(group: HealthGroup): HealthCheckRunner[] {
    const keys = this.settings.groups[group];
    return this.runners.filter((runner) => (keys ? keys.includes(runner.key) : runner.groups.includes(group)));
  }

  private validate(): void {
    const keys = this.runners.map(({ key }) => key);
    const repeated = keys.find((key, index) => keys.indexOf(key) !== index);
    if (repeated !== undefined) throw new Error(`Two health checks are called "${repeated}"; rename one`);
    for (const [group, members] of Object.entries(this.settings.groups)) {
      if (!HEALTH_GROUPS.includes(group as HealthGroup)) {
        throw new Error(`There is no health group "${group}"; there are: ${HEALTH_GROUPS.join(', ')}`);
      }
      const unknown = members.find((member) => !keys.includes(member));
      if (unknown !== undefined) {
        throw new Error(
          `Health group "${group}" names "${unknown}", which no module provides; there are: ${keys.join(', ')}`,
        );
      }
    }
  }
}
