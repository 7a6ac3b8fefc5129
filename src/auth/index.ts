export * from './tokens/access-token.service.js';
export { Roles } from '../authorization/index.js';
export { Public } from '../guards/index.js';
export * from './accounts/account.dto.js';
export * from './accounts/account.service.js';
export * from './second-factor/second-factor.dto.js';
export * from './accounts/administrators.service.js';
export { type AdminUserView, type UserPage } from './accounts/admin-users.service.js';
export * from './auth.dto.js';
export * from './auth.module.js';
export {
  type AuthModuleOptions,
  type CookieOptions,
  type EmailVerification,
  type Registration,
  type SessionCheck,
} from './auth.options.js';
export { TokenRoute } from './cookies/token-delivery.interceptor.js';
export { type TokenRouteKind } from './cookies/token-route.js';
export * from './auth.service.js';
export * from './accounts/account-transactions.js';
export { authMigrations } from './create-auth.migration.js';
export * from './current-user.decorator.js';
export * from './tokens/jwt-auth.guard.js';
export * from './mail/mail.sender.js';
export * from './mail/smtp-mail.sender.js';
export * from './passwords/breached-password-check.js';
export { type PasswordProfile } from './passwords/password-policy.js';
export * from './passwords/pwned-passwords.js';
export * from './recent-authentication.guard.js';
export { RevocationService } from './sessions/revocation.service.js';
export { type SessionState } from './sessions/session-states.js';
export { type PublicJwk } from './tokens/signing-key.js';
export * from './recent-map.js';
