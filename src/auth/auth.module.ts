import { ConfigurableModuleBuilder, Global, Module } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { JwtModule } from '@nestjs/jwt';
import type { DataSource } from 'typeorm';
import { AuthorizationGuardModule } from '../authorization/index.js';
import { MODULE_DATA_SOURCE, provideDataSource, type ProvideDataSourceOptions } from '../database/index.js';
import { PeriodicTasksCoreModule } from '../periodic-tasks/index.js';
import { GuardChainModule, overridableGuards } from '../guards/index.js';
import { ImportedOnce, PrincipalResolver } from '../context/index.js';
import { ViolationStreaks } from '../ports/index.js';
import { TypeOrmUserStore, User, UserStore, UsersService } from '../users/index.js';
import { AccountAudit } from './accounts/account-audit.service.js';
import { AccountController } from './accounts/account.controller.js';
import { AccountMails } from './accounts/account-mails.service.js';
import { AccountService } from './accounts/account.service.js';
import { AccountTransactions } from './accounts/account-transactions.js';
import { AdministratorsService } from './accounts/administrators.service.js';
import { AdminUsersController } from './accounts/admin-users.controller.js';
import { AdminUsersService } from './accounts/admin-users.service.js';
import { AccessTokenService } from './tokens/access-token.service.js';
import { AuthController } from './auth.controller.js';
import {
  AUTH_SETTINGS,
  authSettings,
  type AuthModuleExtras,
  type AuthModuleOptions,
  type AuthSettings,
} from './auth.options.js';
import { AUTH_DATA_SOURCE, requiredTables } from './auth.tables.js';
import { BackgroundWork } from './background-work.js';
import { AuthRetention } from './auth.retention.js';
import { AuthService } from './auth.service.js';
import { AccessTokenVerifier } from './tokens/access-token.verifier.js';
import { CsrfController } from './cookies/csrf.controller.js';
import { CsrfCheck } from './cookies/csrf-check.js';
import { CsrfGuard } from './cookies/csrf.guard.js';
import { CsrfTokens } from './cookies/csrf-tokens.js';
import { DeviceCookies } from './cookies/device-cookie.js';
import { SessionCookies } from './cookies/session-cookies.js';
import { TokenDelivery } from './cookies/token-delivery.interceptor.js';
import { JwksController } from './tokens/jwks.controller.js';
import { JwtAuthGuard } from './tokens/jwt-auth.guard.js';
import { passportStrategyProvider } from './tokens/passport-strategy.provider.js';
import { LoginService } from './login.service.js';
import { MailOutbox } from './mail/mail-outbox.service.js';
import { MailSender, NoMailSender } from './mail/mail.sender.js';
import { OneTimeTokenService } from './accounts/one-time-token.service.js';
import { PasswordService } from './passwords/password.service.js';
import { ReauthenticationService } from './accounts/reauthentication.service.js';
import { UsersTableCheck } from './accounts/users-table.check.js';
import { RecentAuthenticationGuard } from './recent-authentication.guard.js';
import { FieldEncryptor } from './field-encryptor.js';
import { SecondFactorController } from './second-factor/second-factor.controller.js';
import { SecondFactorService } from './second-factor/second-factor.service.js';
import { SecondFactorStore } from './second-factor/second-factor.store.js';
import { RevocationService } from './sessions/revocation.service.js';
import { Session } from './sessions/session.entity.js';
import { SessionService } from './sessions/session.service.js';
import { SIGNING_KEY, loadSigningKey } from './tokens/signing-key.js';

const STORAGE: ProvideDataSourceOptions = {
  entities: [Session, User],
  inject: [AUTH_SETTINGS],
  required: ({ userStore }: AuthSettings) => requiredTables(userStore === undefined),
};

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<AuthModuleOptions>()
  .setClassMethodName('forRoot')
  .setExtras<AuthModuleExtras>({ dataSource: undefined, imports: [] }, (definition, { dataSource, imports = [] }) => ({
    ...definition,
    imports: [...(definition.imports ?? []), ...imports],
    providers: [...(definition.providers ?? []), provideDataSource(STORAGE, dataSource)],
  }))
  .build();

/**
 * Accounts, access tokens, refresh tokens and roles. Every route requires an access token unless it is `@Public()`.
 *
 * @publicApi
 */
@ImportedOnce()
@Global()
@Module({
  imports: [AuthorizationGuardModule, GuardChainModule, JwtModule.register({}), PeriodicTasksCoreModule],
  controllers: [
    AuthController,
    AccountController,
    SecondFactorController,
    AdminUsersController,
    CsrfController,
    JwksController,
  ],
  providers: [
    { provide: AUTH_SETTINGS, useFactory: authSettings, inject: [MODULE_OPTIONS_TOKEN] },
    { provide: SIGNING_KEY, useFactory: loadSigningKey, inject: [AUTH_SETTINGS] },
    {
      provide: MailSender,
      inject: [AUTH_SETTINGS],
      useFactory: ({ mailSender }: AuthSettings) => mailSender ?? new NoMailSender(),
    },
    {
      provide: UserStore,
      inject: [AUTH_SETTINGS, MODULE_DATA_SOURCE, ModuleRef],
      useFactory: ({ userStore }: AuthSettings, source: DataSource, moduleRef: ModuleRef) => {
        if (typeof userStore === 'function') return moduleRef.create(userStore);
        return userStore ?? new TypeOrmUserStore(source);
      },
    },
    AccessTokenService,
    AccessTokenVerifier,
    AccountAudit,
    AccountMails,
    AccountService,
    AccountTransactions,
    AdministratorsService,
    AdminUsersService,
    AuthRetention,
    AuthService,
    BackgroundWork,
    CsrfCheck,
    CsrfGuard,
    CsrfTokens,
    DeviceCookies,
    JwtAuthGuard,
    { provide: PrincipalResolver, useExisting: JwtAuthGuard },
    passportStrategyProvider,
    LoginService,
    MailOutbox,
    OneTimeTokenService,
    PasswordService,
    ReauthenticationService,
    RecentAuthenticationGuard,
    RevocationService,
    FieldEncryptor,
    SecondFactorService,
    SecondFactorStore,
    SessionCookies,
    SessionService,
    TokenDelivery,
    { provide: AUTH_DATA_SOURCE, useExisting: MODULE_DATA_SOURCE },
    UsersService,
    UsersTableCheck,
    ViolationStreaks,
    overridableGuards(JwtAuthGuard, CsrfGuard, RecentAuthenticationGuard),
  ],
  // Includes the dependencies of @TokenRoute() and of @UseGuards(JwtAuthGuard), for modules that use them.
  exports: [
    AUTH_SETTINGS,
    AUTH_DATA_SOURCE,
    AccessTokenService,
    AccessTokenVerifier,
    AccountService,
    AccountTransactions,
    AdministratorsService,
    AuthService,
    CsrfCheck,
    CsrfTokens,
    DeviceCookies,
    JwtAuthGuard,
    PrincipalResolver,
    RevocationService,
    SessionCookies,
    SessionService,
    UserStore,
    UsersService,
    ViolationStreaks,
  ],
})
export class AuthModule extends ConfigurableModuleClass {}
