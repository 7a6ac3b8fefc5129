import { ConfigurableModuleBuilder, Global, Module } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';
import { PassportModule } from '@nestjs/passport';
import { TypeOrmModule } from '@nestjs/typeorm';
import { GuardChainModule, PrincipalResolver } from '../common/index.js';
import { UsersModule } from '../users/index.js';
import { AccountController } from './account.controller.js';
import { AccountService } from './account.service.js';
import { AdminUsersController } from './admin-users.controller.js';
import { AdminUsersService } from './admin-users.service.js';
import { AccessTokenService } from './access-token.service.js';
import { AuthController } from './auth.controller.js';
import { AUTH_SETTINGS, authSettings, type AuthModuleOptions, type AuthSettings } from './auth.options.js';
import { AuthService } from './auth.service.js';
import { JwksController } from './jwks.controller.js';
import { JwtAuthGuard } from './jwt-auth.guard.js';
import { JwtStrategy } from './jwt.strategy.js';
import { MailOutbox } from './mail-outbox.service.js';
import { MailSender, NoMailSender } from './mail.sender.js';
import { OneTimeTokenService } from './one-time-token.service.js';
import { PasswordService } from './password.service.js';
import { RevocationService } from './revocation.service.js';
import { RolesGuard } from './roles.guard.js';
import { Session } from './session.entity.js';
import { SessionService } from './session.service.js';
import { SIGNING_KEY, signingKey } from './signing-key.js';

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<AuthModuleOptions>()
  .setClassMethodName('forRoot')
  .build();

/**
 * Accounts, access and refresh tokens, roles. Every route is closed to callers without a token unless it is
 * `@Public()`.
 *
 * @publicApi
 */
@Global()
@Module({
  imports: [GuardChainModule, JwtModule.register({}), PassportModule, TypeOrmModule.forFeature([Session]), UsersModule],
  controllers: [AuthController, AccountController, AdminUsersController, JwksController],
  providers: [
    { provide: AUTH_SETTINGS, useFactory: authSettings, inject: [MODULE_OPTIONS_TOKEN] },
    { provide: SIGNING_KEY, useFactory: signingKey, inject: [AUTH_SETTINGS] },
    {
      provide: MailSender,
      inject: [AUTH_SETTINGS],
      useFactory: ({ mailSender }: AuthSettings) => mailSender ?? new NoMailSender(),
    },
    AccessTokenService,
    AccountService,
    AdminUsersService,
    AuthService,
    JwtAuthGuard,
    { provide: PrincipalResolver, useExisting: JwtAuthGuard },
    JwtStrategy,
    MailOutbox,
    OneTimeTokenService,
    PasswordService,
    RevocationService,
    RolesGuard,
    SessionService,
  ],
  exports: [AccessTokenService, AccountService, AuthService, PrincipalResolver, RevocationService],
})
export class AuthModule extends ConfigurableModuleClass {}
