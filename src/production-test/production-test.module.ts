import { Module, type DynamicModule } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { UsersModule } from '../users/index.js';
import { AuthFlowCheck, ProtectedCheck, RolesCheck } from './auth.checks.js';
import { CompressionCheck, HeadersCheck, RateLimitCheck } from './http.checks.js';
import { AdminProductionTestController, OpenProductionTestController } from './production-test.controller.js';
import { ProductionTestService } from './production-test.service.js';
import { SelfClient } from './self-client.js';
import { AuditCheck, ConfigCheck } from './system.checks.js';
import { ThrowAwayAccounts } from './throw-away-account.js';

/** @publicApi */
export interface ProductionTestModuleOptions {
  /** Whether only administrators may run the tests. @default true */
  adminOnly?: boolean;
}

/**
 * `/production-test`: tries the protections on the running application, through its own listener.
 *
 * @publicApi
 */
@Module({})
export class ProductionTestModule {
  static forRoot({ adminOnly = true }: ProductionTestModuleOptions = {}): DynamicModule {
    return {
      module: ProductionTestModule,
      imports: [DiscoveryModule, UsersModule],
      controllers: [adminOnly ? AdminProductionTestController : OpenProductionTestController],
      providers: [
        ProductionTestService,
        SelfClient,
        ThrowAwayAccounts,
        ConfigCheck,
        RateLimitCheck,
        CompressionCheck,
        HeadersCheck,
        AuthFlowCheck,
        ProtectedCheck,
        RolesCheck,
        AuditCheck,
      ],
    };
  }
}
