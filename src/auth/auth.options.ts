import type { ModuleMetadata, Type } from '@nestjs/common';
import type { DataSourceOption } from '../database/index.js';
import type { UserStore } from '../users/index.js';
import type { MailSender } from './mail/mail.sender.js';
import type { BreachedPasswordCheck } from './passwords/breached-password-check.js';
import type { PasswordProfile } from './passwords/password-policy.js';

/**
 * Whether each request checks the session, in addition to the access token.
 *
 * @publicApi
 */
export type SessionCheck = 'cached' | 'off';

/**
 * Tokens in cookies, for browsers: `HttpOnly`, `Secure`, `__Host-`.
 *
 * @publicApi
 */
export interface CookieOptions {
  /**
   * Attribute `SameSite` of the cookies. Use `lax` if a user who follows a link from another site must be logged in at
   * once. @default 'strict'
   */
  sameSite?: 'strict' | 'lax';
  /** Other origins of the same site whose pages may send requests that change data: `https://app.example.com`. */
  trustedOrigins?: readonly string[];
}

/** Who can register, and whether the response shows that the address is taken. @publicApi */
export type Registration = 'open' | 'silent' | 'closed';

/** Whether a registration sends a mail to confirm the address, and whether login requires it. @publicApi */
export type EmailVerification = 'off' | 'sent' | 'required';

/** @publicApi */
export interface AuthModuleOptions {
  /** HS256 secret of 32 bytes or more. Exactly one of `secret`, `privateKey` and `keysFile` is required. */
  secret?: string;
  /** PEM private key on the curve P-256 (tokens are then signed with ES256) or Ed25519 (EdDSA). */
  privateKey?: string;
  /**
   * Path of a JWK Set with keys on P-256 or Ed25519, or secrets (`oct`). The first private key or secret signs. All keys
   * verify, each with the one algorithm of its type. The file is read once, at start.
   */
  keysFile?: string;
  /** Claim `iss` of access tokens. @default 'nest-bulwark' */
  issuer?: string;
  /** Claim `aud` of access tokens. @default 'nest-bulwark' */
  audience?: string;
  /** Lifetime of an access token, in milliseconds. @default 900000 (15 minutes) */
  accessTtlMs?: number;
  /** Lifetime of an unused refresh token, in milliseconds. @default 2592000000 (30 days) */
  refreshTtlMs?: number;
  /** Maximum lifetime of a session, in milliseconds. Refreshes do not extend it. @default 7776000000 (90 days) */
  sessionMaxTtlMs?: number;
  /**
   * How long ended sessions and undeliverable mails stay in the database for investigations, in milliseconds.
   * @default 2592000000 (30 days)
   */
  retentionMs?: number;
  /** Maximum age of a login for routes with `@RecentAuthentication()`, in milliseconds. @default 600000 (10 minutes) */
  recentAuthenticationMs?: number;
  /**
   * How long a client may send a used refresh token again after its response was lost, in milliseconds. It gets the same
   * successor again. With 0, every second use counts as theft. @default 10000
   */
  refreshGraceMs?: number;
  /**
   * `cached`: a revocation, a lock or a change of roles takes effect at the next request, and on other replicas within a
   * second. `off`: an access token is valid until it expires, even if its session has ended. @default 'cached'
   */
  sessionCheck?: SessionCheck;
  /** Sends tokens to browsers in cookies, with protection against CSRF. @default tokens are only in the body */
  cookies?: CookieOptions;
  /**
   * Sets a cookie for one year on each device that logs in. Failed logins from such a device count for the device and not
   * for the account. So attackers who guess passwords cannot block the owner. @default true
   */
  deviceCookies?: boolean;
  /** Maximum number of session states in the memory cache. @default 10000 */
  sessionCacheSize?: number;
  /**
   * Maximum number of verified access tokens in the memory cache, about 1.5 kB each. The signature of a cached token is
   * not checked again. Its expiry and its session are checked at each request. 0 disables the cache. @default 10000
   */
  tokenCacheSize?: number;
  /**
   * How long the result of `GET /auth/profile` is cached if CacheModule is imported, in milliseconds. Changes through this
   * library invalidate it at once. 0 disables the cache. @default 600000 (10 minutes)
   */
  profileTtlMs?: number;
  /** Cost factor of password hashes. @default 12 */
  bcryptCost?: number;
  /** Rules for new passwords. @default 'standard' */
  passwordProfile?: PasswordProfile;
  /**
   * Secret that is mixed into passwords before they are hashed. Without it, nobody can test guesses against a stored hash,
   * so keep it outside the database. With a pepper, passwords may be longer than 72 bytes. Never change or remove it:
   * existing passwords would stop working. @default none
   */
  pepper?: string;
  /**
   * Maximum number of passwords that are hashed in parallel. @default the smaller number of CPU cores and libuv threads,
   *   minus one
   */
  hashConcurrency?: number;
  /** Maximum number of passwords that wait for hashing. Further requests get 503. @default 100 */
  maxWaitingHashes?: number;
  /**
   * Secrets that encrypt second factors and waiting mails in the database. The first encrypts, all decrypt. @default a key
   *   derived from the signing key; if that key is lost, the data cannot be decrypted
   */
  encryptionKeys?: readonly string[];
  /**
   * Storage of users: an instance, or a class. Nest injects the dependencies of a class from global modules and from the
   * `imports` beside this option. @default the table `users`
   */
  userStore?: UserStore | Type<UserStore>;
  /** Checks whether a new password is in a known leak. @default no check */
  breachedPasswords?: BreachedPasswordCheck;
  /**
   * `open`: registration logs the user in at once, and fails if the address is taken. `silent`: the response is the same
   * for free and taken addresses. The owner of the address gets a mail and must confirm the address before the first
   * login. `closed`: the route answers 403 `REGISTRATION_CLOSED`. @default 'open'
   */
  registration?: Registration;
  /**
   * `sent`: registration mails a token to confirm the address. `required`: login also requires the confirmation. `off`: no
   * mail. With `silent` registration it is always `required`. @default 'sent'
   */
  emailVerification?: EmailVerification;
  /** Sends mail. @default none: mail waits in the outbox */
  mailSender?: MailSender;
  /** Returns the URL of the page that accepts a mailed token. @default none: mails contain only the token */
  linkTo?: (purpose: string, token: string) => string;
  /** First administrator. Created at start if there is no administrator yet. */
  admin?: { readonly email: string; readonly password: string };
}

/** Options that are given beside the factory of `forRootAsync()`. @publicApi */
export interface AuthModuleExtras extends DataSourceOption {
  /** Modules whose providers the class in `userStore` needs. @default [] */
  imports?: ModuleMetadata['imports'];
}

type OptionWithDefault =
  | 'issuer'
  | 'audience'
  | 'accessTtlMs'
  | 'refreshTtlMs'
  | 'sessionMaxTtlMs'
  | 'retentionMs'
  | 'recentAuthenticationMs'
  | 'registration'
  | 'emailVerification'
  | 'refreshGraceMs'
  | 'sessionCheck'
  | 'deviceCookies'
  | 'sessionCacheSize'
  | 'tokenCacheSize'
  | 'profileTtlMs'
  | 'bcryptCost'
  | 'passwordProfile'
  | 'maxWaitingHashes';

export type AuthSettings = Readonly<AuthModuleOptions & Required<Pick<AuthModuleOptions, OptionWithDefault>>>;

export const AUTH_SETTINGS = Symbol('bulwark.authSettings');

export function authSettings(options: AuthModuleOptions): AuthSettings {
  const { registration = 'open' } = options;
  return Object.freeze({
    ...options,
    issuer: options.issuer ?? 'nest-bulwark',
    audience: options.audience ?? 'nest-bulwark',
    accessTtlMs: options.accessTtlMs ?? 15 * 60_000,
    refreshTtlMs: options.refreshTtlMs ?? 30 * 86_400_000,
    sessionMaxTtlMs: options.sessionMaxTtlMs ?? 90 * 86_400_000,
    retentionMs: options.retentionMs ?? 30 * 86_400_000,
    recentAuthenticationMs: options.recentAuthenticationMs ?? 10 * 60_000,
    registration,
    // A login that succeeds without confirmation would show that the address was free.
    emailVerification: registration === 'silent' ? 'required' : (options.emailVerification ?? 'sent'),
    refreshGraceMs: options.refreshGraceMs ?? 10_000,
    sessionCheck: options.sessionCheck ?? 'cached',
    deviceCookies: options.deviceCookies ?? true,
    sessionCacheSize: options.sessionCacheSize ?? 10_000,
    tokenCacheSize: options.tokenCacheSize ?? 10_000,
    profileTtlMs: options.profileTtlMs ?? 600_000,
    bcryptCost: options.bcryptCost ?? 12,
    passwordProfile: options.passwordProfile ?? 'standard',
    maxWaitingHashes: options.maxWaitingHashes ?? 100,
  });
}
