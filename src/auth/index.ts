export { Roles } from '../authorization/index.js';
export { Public } from '../guards/index.js';
export { type AccountTransactionOptions, AccountTransactions } from './accounts/account-transactions.js';
export { ChangeEmailDto, ChangePasswordDto, ResetPasswordDto, SessionView } from './accounts/account.dto.js';
export { AccountService } from './accounts/account.service.js';
export { AdministratorsService, type NewAdministrator } from './accounts/administrators.service.js';
export { LoginDto, RegisterDto, TokenView, UserView } from './auth.dto.js';
export { AuthModule } from './auth.module.js';
export {
  type AuthModuleExtras,
  type AuthModuleOptions,
  type CookieOptions,
  type EmailVerification,
  type Registration,
  type SessionCheck,
} from './auth.options.js';
export { AuthService, type OpenSessionOptions } from './auth.service.js';
export { TokenRoute } from './cookies/token-delivery.interceptor.js';
export { type TokenRouteKind } from './cookies/token-route.js';
export { authMigrations } from './create-auth.migration.js';
export { CurrentUser } from './current-user.decorator.js';
export {
  FileMailSender,
  LogMailSender,
  type Mail,
  MailRefusedError,
  MailSender,
  NoMailSender,
} from './mail/mail.sender.js';
export { SmtpMailSender } from './mail/smtp-mail.sender.js';
export { BreachedPasswordCheck } from './passwords/breached-password-check.js';
export { type PasswordProfile } from './passwords/password-policy.js';
export { PwnedPasswords, type PwnedPasswordsOptions } from './passwords/pwned-passwords.js';
export {
  RecentAuthentication,
  RecentAuthenticationGuard,
  type RecentAuthenticationOptions,
} from './recent-authentication.guard.js';
export { AccessTokenView, CodeDto, LoginCodeDto, StepUpDto } from './second-factor/second-factor.dto.js';
export { RevocationService } from './sessions/revocation.service.js';
export { type SessionState } from './sessions/session-states.js';
export { JwtAuthGuard } from './tokens/jwt-auth.guard.js';
export { type PublicJwk } from './tokens/signing-key.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { AUTH_DATA_SOURCE, assertDataSourceOfAuth } from './auth.tables.js';
/** @internal */
export { ParseUserIdPipe } from './parse-user-id.pipe.js';
/** @internal */
export { isAccountActive } from './accounts/account-transactions.js';
/** @internal */
export { AUTH_SETTINGS, type AuthSettings } from './auth.options.js';
