import { Module, type DynamicModule } from '@nestjs/common';
import { GuardChainModule, overridableGuards } from '../guards/index.js';
import { ImportedOnce } from '../context/index.js';
import { ManagementGuard } from './management.guard.js';
import { MANAGEMENT_OPTIONS, type ManagementModuleOptions } from './management.options.js';
import { ManagementServer } from './management.server.js';

/**
 * A separate port for probes, metrics and management routes, so that the public main port does not serve them. Liveness
 * and readiness probes are on both ports.
 *
 * @publicApi
 */
@ImportedOnce()
@Module({})
export class ManagementModule {
  static forRoot(options: ManagementModuleOptions): DynamicModule {
    return {
      module: ManagementModule,
      imports: [GuardChainModule],
      providers: [
        { provide: MANAGEMENT_OPTIONS, useValue: options },
        ManagementGuard,
        ManagementServer,
        overridableGuards(ManagementGuard),
      ],
    };
  }
}
