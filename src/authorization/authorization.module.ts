import { ConfigurableModuleBuilder, Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { GuardChainModule, overridableGuards } from '../guards/index.js';
import { RoleCheck } from '../ports/index.js';
import { AccessControl } from './access-control.js';
import { AuthorizationGuard } from './authorization.guard.js';
import { AuthorizationRules } from './authorization.rules.js';
import { AUTHORIZATION_OPTIONS, type AuthorizationModuleOptions } from './authorization.options.js';

/**
 * Registers the authorization guard once. AuthModule imports this module, so that `@Roles()` is always enforced. The
 * options of {@link AuthorizationModule} apply to the guard.
 *
 * @publicApi
 */
@Global()
@Module({
  imports: [DiscoveryModule, GuardChainModule],
  providers: [
    AccessControl,
    { provide: RoleCheck, useExisting: AccessControl },
    AuthorizationRules,
    AuthorizationGuard,
    overridableGuards(AuthorizationGuard),
  ],
  exports: [AccessControl, AuthorizationRules, RoleCheck],
})
export class AuthorizationGuardModule {}

const { ConfigurableModuleClass } = new ConfigurableModuleBuilder<AuthorizationModuleOptions>({
  optionsInjectionToken: AUTHORIZATION_OPTIONS,
})
  .setClassMethodName('forRoot')
  .build();

/**
 * Roles, permissions and policies of routes. Import it to define roles. Without it, the roles are {@link DEFAULT_ROLES}.
 *
 * @publicApi
 */
@Global()
@Module({ imports: [AuthorizationGuardModule], exports: [AUTHORIZATION_OPTIONS, AuthorizationGuardModule] })
export class AuthorizationModule extends ConfigurableModuleClass {}
