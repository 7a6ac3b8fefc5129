import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { AppConfig, checksCertificates } from '../../config/index.js';
import { readLogin } from '../../database/index.js';
import { InjectRedis, type RedisClient } from '../../redis/index.js';
import { SelfTest, type SelfTestCheck, type SelfTestSuite } from '../self-test.js';
import { CONFIGURATION_RULES } from './configuration.rules.js';
import { DATABASE_LOGIN_RULES } from './database-login.rules.js';
import { readDatabaseFacts } from './database.facts.js';
import { DATABASE_RULES } from './database.rules.js';
import { readRedisFacts, REDIS_RULES } from './redis.rules.js';
import { cacheBriefly, createChecks } from './rule.js';
import { readRuntimeFacts, RUNTIME_RULES } from './runtime.rules.js';

@Injectable()
@SelfTest()
export class ConfigurationChecks implements SelfTestSuite {
  readonly checks: readonly SelfTestCheck[];

  constructor(config: AppConfig) {
    // A development machine need not fulfil the rules.
    const isLenient = () => !config.isProduction;
    this.checks = createChecks(CONFIGURATION_RULES, () => Promise.resolve(config), isLenient);
  }
}

@Injectable()
@SelfTest()
export class RuntimeChecks implements SelfTestSuite {
  readonly checks: readonly SelfTestCheck[];

  constructor(config: AppConfig) {
    const look = cacheBriefly(() => readRuntimeFacts(config.database.dataDir, checksCertificates()));
    this.checks = createChecks(RUNTIME_RULES, look, () => !config.isProduction);
  }
}

@Injectable()
@SelfTest()
export class DatabaseChecks implements SelfTestSuite {
  readonly checks: readonly SelfTestCheck[];

  constructor(@InjectDataSource() source: DataSource, { database, throttling, isProduction }: AppConfig) {
    const look = cacheBriefly(() =>
      readDatabaseFacts(source, { poolMax: database.poolMax, replicas: throttling.replicas }),
    );
    this.checks = [
      ...createChecks(DATABASE_RULES, look, () => !isProduction),
      ...createChecks(DATABASE_LOGIN_RULES, async () => ({ login: await readLogin(source) })),
    ];
  }
}

@Injectable()
@SelfTest()
export class RedisChecks implements SelfTestSuite {
  readonly checks: readonly SelfTestCheck[];

  constructor(@InjectRedis() redis: RedisClient | undefined) {
    this.checks = createChecks(
      REDIS_RULES,
      cacheBriefly(() => readRedisFacts(redis)),
    );
  }
}
