import { Injectable } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { checksCertificates } from '../../config/index.js';
import { SkipCheck } from '../../reports/index.js';
import { EffectiveSettings } from '../effective-settings.js';
import { describeMissing, ImportedModules } from '../imported-modules.js';
import { SelfTest, type SelfTestCheck, type SelfTestSuite } from '../self-test.js';
import { SUITE } from '../suite-providers.js';
import { CONFIGURATION_RULES } from './configuration.rules.js';
import { DATABASE_LOGIN_RULES } from './database-login.rules.js';
import { readDatabaseFacts, readLoginFacts } from './database.facts.js';
import { DATABASE_RULES } from './database.rules.js';
import { readRedisFacts, REDIS_RULES } from './redis.rules.js';
import { cacheBriefly, createChecks } from './rule.js';
import { readRuntimeFacts, RUNTIME_RULES } from './runtime.rules.js';

@Injectable()
@SelfTest()
export class ConfigurationChecks implements SelfTestSuite {
  readonly checks: readonly SelfTestCheck[];

  constructor(settings: EffectiveSettings) {
    const look = cacheBriefly(() => settings.readFacts());
    this.checks = createChecks(CONFIGURATION_RULES, look, () => settings.readReport());
  }
}

@Injectable()
@SelfTest()
export class RuntimeChecks implements SelfTestSuite {
  readonly checks: readonly SelfTestCheck[];

  constructor(settings: EffectiveSettings) {
    const look = cacheBriefly(async () => readRuntimeFacts(await settings.findDataDir(), checksCertificates()));
    this.checks = createChecks(RUNTIME_RULES, look, () => settings.readReport());
  }
}

@Injectable()
@SelfTest()
export class DatabaseChecks implements SelfTestSuite {
  readonly checks: readonly SelfTestCheck[];

  constructor(
    private readonly modules: ImportedModules,
    settings: EffectiveSettings,
  ) {
    const look = cacheBriefly(async () => readDatabaseFacts(await this.findSource(), await this.findCapacity()));
    const lookAtLogin = async () => readLoginFacts(await this.findSource());
    this.checks = [
      ...createChecks(DATABASE_RULES, look, () => settings.readReport()),
      ...createChecks(DATABASE_LOGIN_RULES, lookAtLogin, () => settings.readStrictReport()),
    ];
  }

  /** The DataSource of DatabaseModule, or of the application's own TypeOrmModule. @throws SkipCheck */
  private async findSource(): Promise<DataSource> {
    const source = await this.modules.require(SUITE.dataSource);
    if (source.options.type === 'postgres') return source;
    throw new SkipCheck(`the database is ${source.options.type}, and not PostgreSQL`);
  }

  private async findCapacity(): Promise<{ poolMax: number; replicas: number }> {
    const database = await this.modules.find(SUITE.databaseSettings);
    const throttler = await this.modules.find(SUITE.throttlerSettings);
    return { poolMax: database?.poolMax ?? getPoolSize(await this.findSource()), replicas: throttler?.replicas ?? 1 };
  }
}

const PG_POOL_SIZE = 10;

function getPoolSize({ options }: DataSource): number {
  const { poolSize, extra } = options as { poolSize?: number; extra?: { max?: number } };
  return extra?.max ?? poolSize ?? PG_POOL_SIZE;
}

@Injectable()
@SelfTest()
export class RedisChecks implements SelfTestSuite {
  readonly checks: readonly SelfTestCheck[];

  constructor(modules: ImportedModules, settings: EffectiveSettings) {
    const look = cacheBriefly(async () => {
      const client = await modules.find(SUITE.redisClient);
      // Without a URL, RedisModule provides no client.
      if (!client && !(await modules.find(SUITE.redisOptions))) {
        throw new SkipCheck(describeMissing(SUITE.redisClient.module));
      }
      return readRedisFacts(client);
    });
    this.checks = createChecks(REDIS_RULES, look, () => settings.readStrictReport());
  }
}
