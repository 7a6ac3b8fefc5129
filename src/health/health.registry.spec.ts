import { Injectable, type Provider, type Type } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import {
  type HealthGroup,
  HealthCheckOf,
  type HealthContributor,
  type HealthContributorOptions,
} from '../ports/index.js';
import { HEALTH_SETTINGS, healthSettings, type HealthModuleOptions } from './health.options.js';
import { HealthRegistry } from './health.registry.js';

function check(options: HealthContributorOptions, contributor: Partial<HealthContributor> = {}): Type {
  @Injectable()
  @HealthCheckOf(options)
  class Check implements HealthContributor {
    check = contributor.check ?? (() => undefined);
    isActive = contributor.isActive ?? (() => true);
  }
  return Check;
}

async function registryOf(checks: Provider[], options: HealthModuleOptions = {}): Promise<HealthRegistry> {
  const module = await Test.createTestingModule({
    imports: [DiscoveryModule],
    providers: [...checks, HealthRegistry, { provide: HEALTH_SETTINGS, useValue: healthSettings(options) }],
  }).compile();
  await module.init();
  return module.get(HealthRegistry);
}

const keysOf = async (registry: HealthRegistry, group: HealthGroup) =>
  [...(await registry.examine(group)).keys()].sort();

describe('the registry of health checks', () => {
  it('finds every check, in the groups of its choice', async () => {
    const registry = await registryOf([check({ key: 'database' }), check({ key: 'disk', groups: ['full'] })]);
    expect(await keysOf(registry, 'ready')).toEqual(['database']);
    expect(await keysOf(registry, 'full')).toEqual(['database', 'disk']);
    expect(await keysOf(registry, 'startup')).toEqual([]);
  });

  it('takes the members of a group from the options, where they name it', async () => {
    const checks = [check({ key: 'database' }), check({ key: 'disk', groups: ['full'] })];
    const registry = await registryOf(checks, { groups: { ready: ['disk'] } });
    expect(await keysOf(registry, 'ready')).toEqual(['disk']);
    expect(await keysOf(registry, 'full')).toEqual(['database', 'disk']);
  });

  it('leaves out what has nothing to check', async () => {
    const registry = await registryOf([check({ key: 'redis' }, { isActive: () => false }), check({ key: 'disk' })]);
    expect(await keysOf(registry, 'ready')).toEqual(['disk']);
  });

  it('stops the start over a member that no module provides, and says which there are', async () => {
    const start = registryOf([check({ key: 'disk' })], { groups: { ready: ['disk', 'databse'] } });
    await expect(start).rejects.toThrow(
      'Health group "ready" names "databse", which no module provides; there are: disk',
    );
  });

  it('stops the start over two checks of one name', async () => {
    const start = registryOf([check({ key: 'disk' }), check({ key: 'disk' })]);
    await expect(start).rejects.toThrow('Two health checks are called "disk"; rename one');
  });

  it('asks all checks of a group at once, and waits for none that hangs', async () => {
    const hanging = check({ key: 'hung', timeoutMs: 20 }, { check: () => new Promise(() => undefined) });
    const registry = await registryOf([hanging, check({ key: 'disk' })]);
    const findings = await registry.examine('ready');
    expect([findings.get('hung')?.state, findings.get('disk')?.state]).toEqual(['down', 'up']);
  });
});
