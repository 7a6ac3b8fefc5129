/** @publicApi */
export interface AuthModuleOptions {
  /** HS256 secret of 32 bytes or more. One of `secret` and `privateKey` is needed. */
  secret?: string;
  /** PEM private key on the curve P-256; tokens are then signed with ES256. */
  privateKey?: string;
  /** Claim `iss` of access tokens. @default 'nest-bulwark' */
  issuer?: string;
  /** Claim `aud` of access tokens. @default 'nest-bulwark' */
  audience?: string;
  /** Life of an access token, in milliseconds. @default 900000 (15 minutes) */
  accessTtlMs?: number;
  /** Life of a refresh token that is not used, in milliseconds. @default 2592000000 (30 days) */
  refreshTtlMs?: number;
  /** Cost factor of password hashes. @default 12 */
  bcryptCost?: number;
  /** First administrator, made at start where no account has this email. */
  admin?: { readonly email: string; readonly password: string };
}

type Defaulted = 'issuer' | 'audience' | 'accessTtlMs' | 'refreshTtlMs' | 'bcryptCost';

export type AuthSettings = Readonly<AuthModuleOptions & Required<Pick<AuthModuleOptions, Defaulted>>>;

export const AUTH_SETTINGS = Symbol('bulwark.authSettings');

export function authSettings(options: AuthModuleOptions): AuthSettings {
  return Object.freeze({
    ...options,
    issuer: options.issuer ?? 'nest-bulwark',
    audience: options.audience ?? 'nest-bulwark',
    accessTtlMs: options.accessTtlMs ?? 15 * 60_000,
    refreshTtlMs: options.refreshTtlMs ?? 30 * 86_400_000,
    bcryptCost: options.bcryptCost ?? 12,
  });
}
