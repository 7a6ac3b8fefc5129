import { ConfigurableModuleBuilder, Global, Module, type DynamicModule } from '@nestjs/common';
import { AuthorizationGuardModule } from '../authorization/index.js';
import { PrincipalResolver } from '../context/index.js';
import { GuardChainModule, overridableGuards } from '../guards/index.js';
import { TestAuthGuard } from './test-auth.guard.js';
import { TEST_AUTH_OPTIONS, type TestAuthModuleOptions } from './test-auth.options.js';
import { TestGrants } from './test-grants.js';

const { ConfigurableModuleClass, OPTIONS_TYPE } = new ConfigurableModuleBuilder<TestAuthModuleOptions>({
  optionsInjectionToken: TEST_AUTH_OPTIONS,
})
  .setClassMethodName('forRoot')
  .build();

/**
 * Replaces AuthModule in tests: no database, no tokens. Every request has the principal of the option `as`, or that of the
 * headers of `actAs()`. `@Public()`, `@Roles()`, `@Permissions()` and `@Authorize()` are enforced as in production.
 *
 * @publicApi
 */
@Global()
@Module({
  imports: [AuthorizationGuardModule, GuardChainModule],
  providers: [
    TestGrants,
    TestAuthGuard,
    { provide: PrincipalResolver, useExisting: TestAuthGuard },
    overridableGuards(TestAuthGuard),
  ],
  exports: [PrincipalResolver],
})
export class TestAuthModule extends ConfigurableModuleClass {
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return super.forRoot(options);
  }
}
