import { Module, type DynamicModule } from '@nestjs/common';
import { GuardChainModule } from '../guards/index.js';
import { ManagementGuard } from './management.guard.js';
import { MANAGEMENT_OPTIONS, type ManagementModuleOptions } from './management.options.js';
import { ManagementServer } from './management.server.js';

/**
 * A port of its own for probes, metrics and operators' routes, so that the main port can be opened to the world without
 * them. Liveness and readiness stay on the main port too.
 *
 * @publicApi
 */
@Module({})
export class ManagementModule {
  static forRoot(options: ManagementModuleOptions): DynamicModule {
    return {
      module: ManagementModule,
      imports: [GuardChainModule],
      providers: [{ provide: MANAGEMENT_OPTIONS, useValue: options }, ManagementGuard, ManagementServer],
    };
  }
}
