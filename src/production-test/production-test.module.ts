import { Module, type DynamicModule } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { ProblemModule } from '../problem/index.js';
import { AuditChecks } from './checks/audit.checks.js';
import { CacheChecks } from './checks/cache.checks.js';
import { AuthChecks } from './checks/auth.checks.js';
import { HttpChecks } from './checks/http.checks.js';
import { OutsideChecks } from './checks/outside.checks.js';
import { ConfigurationChecks, DatabaseChecks, RedisChecks, RuntimeChecks } from './checks/system.checks.js';
import {
  AdminProductionTestController,
  OpenProductionTestController,
  SampleController,
} from './production-test.controller.js';
import { ReportPageController } from './report/report-page.controller.js';
import { SelfClient } from './self-client.js';
import { RunHistory } from './run-history.js';
import { RUN_TIMEOUT_MS } from './self-test.js';
import { SelfTestRunner } from './self-test.runner.js';
import { TemporaryAccounts } from './throw-away-account.js';

/** @publicApi */
export interface ProductionTestModuleOptions {
  /** Whether only administrators may run the tests. @default true */
  adminOnly?: boolean;
  /** Time limit of a run, in milliseconds. A check that is not finished then is reported as a warning. @default 10000 */
  timeoutMs?: number;
}

/**
 * `/production-test`: tests the protections of the running application through its own listener.
 *
 * @publicApi
 */
@Module({})
export class ProductionTestModule {
  static forRoot({ adminOnly = true, timeoutMs = 10_000 }: ProductionTestModuleOptions = {}): DynamicModule {
    return {
      module: ProductionTestModule,
      imports: [DiscoveryModule, ProblemModule],
      controllers: [
        ReportPageController,
        SampleController,
        adminOnly ? AdminProductionTestController : OpenProductionTestController,
      ],
      providers: [
        { provide: RUN_TIMEOUT_MS, useValue: timeoutMs },
        SelfTestRunner,
        RunHistory,
        SelfClient,
        TemporaryAccounts,
        // First, because these checks take longest: each of their steps hashes a password.
        AuthChecks,
        ConfigurationChecks,
        RuntimeChecks,
        DatabaseChecks,
        RedisChecks,
        OutsideChecks,
        HttpChecks,
        AuditChecks,
        CacheChecks,
      ],
    };
  }
}
