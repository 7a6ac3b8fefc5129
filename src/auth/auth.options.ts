import type { UserStore } from '../users/index.js';
import type { MailSender } from './mail/mail.sender.js';
import type { BreachedPasswordCheck } from './passwords/breached-password-check.js';
import type { PasswordProfile } from './passwords/password-policy.js';

/**
 * Whether a request's session is looked at, beyond its token.
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
  /** `strict`, or `lax` where pages that links lead to must know their user at once. @default 'strict' */
  sameSite?: 'strict' | 'lax';
  /** Origins beside the API's own, of the same site, whose pages may change something: `https://app.example.com`. */
  trustedOrigins?: readonly string[];
}

/** What a registration tells of the address. @publicApi */
export type Registration = 'open' | 'silent';

/** What becomes of the address of a registration. @publicApi */
export type EmailVerification = 'off' | 'sent' | 'required';

/** @publicApi */
export interface AuthModuleOptions {
  /** HS256 secret of 32 bytes or more. One of `secret`, `privateKey` and `keysFile` is needed. */
  secret?: string;
  /** PEM private key on the curve P-256 (tokens are then signed with ES256) or Ed25519 (EdDSA). */
  privateKey?: string;
  /**
   * JWK Set of keys on P-256 and Ed25519, and of secrets (`oct`): the first one that can sign does, all verify, each by
   * the one algorithm of its kind. Read once, at start.
   */
  keysFile?: string;
  /** Claim `iss` of access tokens. @default 'nest-bulwark' */
  issuer?: string;
  /** Claim `aud` of access tokens. @default 'nest-bulwark' */
  audience?: string;
  /** Life of an access token, in milliseconds. @default 900000 (15 minutes) */
  accessTtlMs?: number;
  /** Life of a refresh token that is not used, in milliseconds. @default 2592000000 (30 days) */
  refreshTtlMs?: number;
  /** Life of a session however often it is refreshed, in milliseconds. @default 7776000000 (90 days) */
  sessionMaximumMs?: number;
  /**
   * How long sessions that have ended, and mails that were given up, stay in the database for whoever looks into what
   * happened, in milliseconds. @default 2592000000 (30 days)
   */
  retentionMs?: number;
  /** How old a login may be for what asks for a recent one, in milliseconds. @default 600000 (10 minutes) */
  recentAuthenticationMs?: number;
  /**
   * Within this time the client whose answer got lost may send its used refresh token again and gets the same successor,
   * in milliseconds; 0 takes every second use for theft. @default 10000
   */
  refreshGraceMs?: number;
  /**
   * `cached`: revocation, locks and changed roles hold from the next request, on other replicas within a second.
   * `off`: an access token is good until it expires, whatever happened since. @default 'cached'
   */
  sessionCheck?: SessionCheck;
  /** Hands tokens to browsers in cookies, with protection against CSRF. @default tokens are in the body only */
  cookies?: CookieOptions;
  /**
   * Gives each device that logs in a cookie for a year. Failed logins from such a device count for the device and not for
   * the account, so that strangers who guess do not hold back the owner. @default true
   */
  deviceCookies?: boolean;
  /** Sessions whose state is kept in memory. @default 10000 */
  sessionCacheSize?: number;
  /**
   * Access tokens whose signature is not checked again while they are in memory, about 1.5 kB each; their time and their
   * session still are, at each use. 0 switches it off. @default 10000
   */
  tokenCacheSize?: number;
  /**
   * How long `GET /auth/profile` may be answered from the cache, where CacheModule is imported, in milliseconds. Changes
   * through this library show at once. 0 reads it each time. @default 600_000: 10 minutes
   */
  profileTtlMs?: number;
  /** Cost factor of password hashes. @default 12 */
  bcryptCost?: number;
  /** What new passwords must be like. @default 'standard' */
  passwordProfile?: PasswordProfile;
  /**
   * Secret that is mixed into passwords before they are hashed, and without which no hash can be tried: keep it apart
   * from the database. With it passwords may be longer than 72 bytes. Once set, it must stay. @default none
   */
  pepper?: string;
  /** Passwords hashed at once. @default one less than the cores, or than the threads of libuv where these are fewer */
  hashConcurrency?: number;
  /** Passwords that wait to be hashed; beyond it the answer is 503. @default 100 */
  maxWaitingHashes?: number;
  /**
   * Secrets that what must be read again is encrypted with: second factors, waiting mail. The first encrypts, all
   * decrypt. @default one derived from the signing key, with which it would be lost
   */
  encryptionKeys?: readonly string[];
  /** Where users are kept. @default the table `users` */
  userStore?: UserStore;
  /** Asks whether a new password has leaked. @default nobody is asked */
  breachedPasswords?: BreachedPasswordCheck;
  /**
   * `open`: who registers is logged in at once, and told where the address is taken. `silent`: the answer never tells; the
   * owner of the address gets a mail, and confirms it before the first login. @default 'open'
   */
  registration?: Registration;
  /**
   * Whether a registration mails a token to confirm the address, and whether the login waits for it. With `silent`
   * registration it does. @default 'sent'
   */
  emailVerification?: EmailVerification;
  /** How mail goes out. @default not at all: it waits in the outbox */
  mailSender?: MailSender;
  /** Address of the page that takes a mailed token. @default none: mails hold the bare token */
  linkTo?: (purpose: string, token: string) => string;
  /** First administrator, made at start where no account has this email. */
  admin?: { readonly email: string; readonly password: string };
}

type Defaulted =
  | 'issuer'
  | 'audience'
  | 'accessTtlMs'
  | 'refreshTtlMs'
  | 'sessionMaximumMs'
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

export type AuthSettings = Readonly<AuthModuleOptions & Required<Pick<AuthModuleOptions, Defaulted>>>;

export const AUTH_SETTINGS = Symbol('bulwark.authSettings');

export function authSettings(options: AuthModuleOptions): AuthSettings {
  const { registration = 'open' } = options;
  return Object.freeze({
    ...options,
    issuer: options.issuer ?? 'nest-bulwark',
    audience: options.audience ?? 'nest-bulwark',
    accessTtlMs: options.accessTtlMs ?? 15 * 60_000,
    refreshTtlMs: options.refreshTtlMs ?? 30 * 86_400_000,
    sessionMaximumMs: options.sessionMaximumMs ?? 90 * 86_400_000,
    retentionMs: options.retentionMs ?? 30 * 86_400_000,
    recentAuthenticationMs: options.recentAuthenticationMs ?? 10 * 60_000,
    registration,
    // A login that works at once would tell that the address was free.
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
