import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { HealthCheckOf, type HealthContributor } from '../common/index.js';
import { HealthCheckRunner, type HealthFinding } from './health-check.runner.js';
import { HEALTH_SETTINGS, type HealthSettings } from './health.options.js';

/**
 * Every health check of the application, found by its decorator wherever a module declares it.
 *
 * @publicApi
 */
@Injectable()
export class HealthRegistry implements OnApplicationBootstrap {
  private runners: HealthCheckRunner[] = [];

  constructor(
    private readonly discovery: DiscoveryService,
    @Inject(HEALTH_SETTINGS) private readonly settings: HealthSettings,
  ) {}

  onApplicationBootstrap(): void {
    for (const wrapper of this.discovery.getProviders({ metadataKey: HealthCheckOf.KEY })) {
      const options = this.discovery.getMetadataByDecorator(HealthCheckOf, wrapper);
      const contributor = wrapper.instance as HealthContributor;
      if (options && contributor.isActive?.() !== false) this.runners.push(new HealthCheckRunner(contributor, options));
    }
    this.validate();
  }

  /** Asks every check of a group, all at once. */
  async examine(group: string): Promise<Map<string, HealthFinding>> {
    const entries = await Promise.all(
      this.membersOf(group).map(async (runner) => [runner.key, await runner.find()] as const),
    );
    return new Map(entries);
  }

  private membersOf(group: string): HealthCheckRunner[] {
    const keys = this.settings.groups[group];
    return this.runners.filter((runner) => (keys ? keys.includes(runner.key) : runner.groups.includes(group)));
  }

  private validate(): void {
    const keys = this.runners.map(({ key }) => key);
    const repeated = keys.find((key, index) => keys.indexOf(key) !== index);
    if (repeated !== undefined) throw new Error(`Two health checks are called "${repeated}"; rename one`);
    for (const [group, members] of Object.entries(this.settings.groups)) {
      const unknown = members.find((member) => !keys.includes(member));
      if (unknown !== undefined) {
        throw new Error(
          `Health group "${group}" names "${unknown}", which no module provides; there are: ${keys.join(', ')}`,
        );
      }
    }
  }
}
