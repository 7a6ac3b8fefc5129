import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { AppConfig, checksCertificates } from '../../config/index.js';
import { readLogin } from '../../database/index.js';
import { InjectRedis, type RedisClient } from '../../redis/index.js';
import { SelfTest, type SelfTestCheck, type SelfTestSuite } from '../self-test.js';
import { CONFIGURATION_RULES } from './configuration.rules.js';
import { DATABASE_LOGIN_RULES } from './database-login.rules.js';
import { databaseFacts } from './database.facts.js';
import { DATABASE_RULES } from './database.rules.js';
import { redisFacts, REDIS_RULES } from './redis.rules.js';
import { briefly, checksOf } from './rule.js';
import { runtimeFacts, RUNTIME_RULES } from './runtime.rules.js';

@Injectable()
@SelfTest()
export class ConfigurationChecks implements SelfTestSuite {
  readonly checks: readonly SelfTestCheck[];

  constructor(config: AppConfig) {
    // A development machine lacks much of this on purpose.
    const isLenient = () => !config.isProduction;
    this.checks = checksOf(CONFIGURATION_RULES, () => Promise.resolve(config), isLenient);
  }
}

@Injectable()
@SelfTest()
export class RuntimeChecks implements SelfTestSuite {
  readonly checks: readonly SelfTestCheck[];

  constructor(config: AppConfig) {
    const look = briefly(() => runtimeFacts(config.database.dataDir, checksCertificates()));
    this.checks = checksOf(RUNTIME_RULES, look, () => !config.isProduction);
  }
}

@Injectable()
@SelfTest()
export class DatabaseChecks implements SelfTestSuite {
  readonly checks: readonly SelfTestCheck[];

  constructor(@InjectDataSource() source: DataSource, { database, throttling, isProduction }: AppConfig) {
    const look = briefly(() => databaseFacts(source, { poolMax: database.poolMax, replicas: throttling.replicas }));
    this.checks = [
      ...checksOf(DATABASE_RULES, look, () => !isProduction),
      ...checksOf(DATABASE_LOGIN_RULES, async () => ({ login: await readLogin(source) })),
    ];
  }
}

@Injectable()
@SelfTest()
export class RedisChecks implements SelfTestSuite {
  readonly checks: readonly SelfTestCheck[];

  constructor(@InjectRedis() redis: RedisClient | undefined) {
    this.checks = checksOf(
      REDIS_RULES,
      briefly(() => redisFacts(redis)),
    );
  }
}
