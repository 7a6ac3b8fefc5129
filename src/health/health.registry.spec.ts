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

async function createRegistry(checks: Provider[], options: HealthModuleOptions = {}): Promise<HealthRegistry> {
  const module = await Test.createTestingModule({
    imports: [DiscoveryModule],
    providers: [...checks, HealthRegistry, { provide: HEALTH_SETTINGS, useValue: healthSettings(options) }],
  }).compile();
  await module.init();
  return module.get(HealthRegistry);
}

const getKeys = async (registry: HealthRegistry, group: HealthGroup) =>
  [...(await registry.checkGroup(group)).keys()].sort();

describe('the registry of health checks', () => {
  it('finds every check in the groups that it declares', async () => {
    const registry = await createRegistry([check({ key: 'database' }), check({ key: 'disk', groups: ['full'] })]);
    expect(await getKeys(registry, 'ready')).toEqual(['database']);
    expect(await getKeys(registry, 'full')).toEqual(['database', 'disk']);
    expect(await getKeys(registry, 'startup')).toEqual([]);
  });

  it('takes the checks of a group from the options if they list the group', async () => {
    const checks = [check({ key: 'database' }), check({ key: 'disk', groups: ['full'] })];
    const registry = await createRegistry(checks, { groups: { ready: ['disk'] } });
    expect(await getKeys(registry, 'ready')).toEqual(['disk']);
    expect(await getKeys(registry, 'full')).toEqual(['database', 'disk']);
  });

  it('leaves out inactive checks', async () => {
    const registry = await createRegistry([check({ key: 'redis' }, { isActive: () => false }), check({ key: 'disk' })]);
    expect(await getKeys(registry, 'ready')).toEqual(['disk']);
  });

  it('fails the start if no module provides a listed check, and lists the known checks', async () => {
    const start = createRegistry([check({ key: 'disk' })], { groups: { ready: ['disk', 'databse'] } });
    await expect(start).rejects.toThrow(
      'Health group "ready" lists the check "databse", which no module provides. Known checks: disk',
    );
  });

  it('fails the start if two checks have the same key', async () => {
    const start = createRegistry([check({ key: 'disk' }), check({ key: 'disk' })]);
    await expect(start).rejects.toThrow('Two health checks have the key "disk". Rename one of them.');
  });

  it('runs all checks of a group in parallel, and does not wait for a check that hangs', async () => {
    const hanging = check({ key: 'hung', timeoutMs: 20 }, { check: () => new Promise(() => undefined) });
    const registry = await createRegistry([hanging, check({ key: 'disk' })]);
    const results = await registry.checkGroup('ready');
    expect([results.get('hung')?.state, results.get('disk')?.state]).toEqual(['down', 'up']);
  });
});
