import { z } from 'zod';
import { choice, duration, email, flag, integer, list, parsed } from '../notations.js';
import { accountPassword, firstOfRandomSecrets, keySetFile, privateKey, randomSecret } from '../secrets.js';
import { httpUrl } from '../server-urls.js';
import { variable } from '../variable.js';

export const authVariables = {
  JWT_SECRET: variable({
    schema: z.string(),
    description: 'HS256 secret, 32 random bytes or more (openssl rand -base64 48).',
    secret: randomSecret('tokens could be forged'),
    setting: 'auth.secret',
  }),
  JWT_PRIVATE_KEY: variable({
    schema: z.string(),
    description: 'PEM private key for EdDSA (Ed25519) or ES256 (P-256), instead of JWT_SECRET.',
    secret: privateKey('tokens could be forged'),
    setting: 'auth.privateKey',
  }),
  JWT_KEYS_FILE: variable({
    schema: z.string(),
    description:
      'JWK Set file of EdDSA, ES256 or HS256 keys, instead of JWT_SECRET: the first private one signs, all verify.',
    secret: keySetFile('tokens could be forged'),
    setting: 'auth.keysFile',
  }),
  JWT_ACCESS_TTL: variable({
    schema: duration('1s', '3650d'),
    default: '15m',
    description: 'Life of an access token.',
    setting: 'auth.accessTtlMs',
  }),
  JWT_REFRESH_TTL: variable({
    schema: duration('1s', '3650d'),
    default: '30d',
    description: 'Life of a refresh token that is not used.',
    setting: 'auth.refreshTtlMs',
  }),
  SESSION_MAX_TTL: variable({
    schema: duration('1s', '3650d'),
    default: '90d',
    description: 'Life of a session, however often it is refreshed.',
    setting: 'auth.sessionMaxTtlMs',
  }),
  AUTH_RETENTION: variable({
    schema: duration('0ms', '3650d'),
    default: '30d',
    description: 'How long ended sessions, and mails that could not be sent, stay in the database.',
    setting: 'auth.retentionMs',
  }),
  JWT_REFRESH_GRACE: variable({
    schema: duration('0ms'),
    default: '10s',
    description: 'How long a client that repeats a refresh gets the same new refresh token again.',
    setting: 'auth.refreshGraceMs',
  }),
  AUTH_SESSION_CHECK: variable({
    schema: choice('cached', 'off'),
    default: 'cached',
    description: 'cached: a revoked token is refused from the next request on. off: a token is valid until it expires.',
    setting: 'auth.sessionCheck',
  }),
  AUTH_COOKIES: variable({
    schema: choice('off', 'strict', 'lax'),
    default: 'off',
    description:
      'strict or lax: browsers get tokens in HttpOnly cookies with that SameSite value, with CSRF protection.',
  }),
  AUTH_DEVICE_COOKIES: variable({
    schema: flag,
    default: 'true',
    description: 'A device that logged in before has its own limit of failed logins, by a signed cookie.',
    setting: 'auth.deviceCookies',
  }),
  AUTH_TOKEN_CACHE_SIZE: variable({
    schema: integer(0, 1_000_000),
    default: '10000',
    description:
      'Number of access tokens whose signature is not checked again; expiry and session always are. 0: none.',
    setting: 'auth.tokenCacheSize',
  }),
  ROLES_FILE: variable({
    schema: z.string(),
    description: 'JSON file of roles and their permissions (docs/authorization.md). Unset: the roles of the suite.',
    setting: 'authorization.rolesFile',
  }),
  BCRYPT_COST: variable({
    schema: integer(4, 20),
    default: '12',
    description: 'Cost factor of password hashes.',
    setting: 'auth.bcryptCost',
  }),
  PASSWORD_PROFILE: variable({
    schema: choice('standard', 'strict'),
    default: 'standard',
    description:
      'standard: 8 characters, no common password. strict: 15 characters, no variation of a common password.',
    setting: 'auth.passwordProfile',
  }),
  PASSWORD_PEPPER: variable({
    schema: z.string(),
    description: 'Secret mixed into passwords (openssl rand -base64 48). Once set, it must stay.',
    secret: randomSecret('stolen hashes could be tried'),
    setting: 'auth.pepper',
  }),
  AUTH_RECENT_LOGIN: variable({
    schema: duration('1s', '3650d'),
    default: '10m',
    description: 'Maximum age of the login for sensitive actions: deleting the account, changing the second factor.',
    setting: 'auth.recentAuthenticationMs',
  }),
  AUTH_REGISTRATION: variable({
    schema: choice('open', 'silent', 'closed'),
    default: 'open',
    description:
      'open: login at once, 409 for a registered address. silent: 202 for every address, and a mail. closed: 403.',
    setting: 'auth.registration',
  }),
  AUTH_EMAIL_VERIFICATION: variable({
    schema: choice('off', 'sent', 'required'),
    default: 'sent',
    description:
      'sent: mail to confirm the address. required: also no login before. silent registration implies required.',
    setting: 'auth.emailVerification',
  }),
  AUTH_ENCRYPTION_KEYS: variable({
    schema: list,
    default: '',
    description:
      'Secrets for second factors and waiting mail, separated by commas; the first encrypts. Unset: the signing key.',
    secret: firstOfRandomSecrets('second factors and mails could be read'),
    setting: 'auth.encryptionKeys',
  }),
  BREACHED_PASSWORDS_URL: variable({
    schema: parsed(httpUrl),
    description: 'Service of leaked passwords, such as https://api.pwnedpasswords.com/range/. Unset: no check.',
    setting: 'breachedPasswords.url',
  }),
  BREACHED_PASSWORDS_TIMEOUT: variable({
    schema: duration(),
    default: '1s',
    description: 'Wait for the service of leaked passwords; after it, the password is accepted.',
    setting: 'breachedPasswords.timeoutMs',
  }),
  CACHE_PROFILE_TTL: variable({
    schema: duration('0ms'),
    default: '10m',
    description: 'How long a profile is answered from the cache; changes show at once. 0: never.',
    setting: 'auth.profileTtlMs',
  }),
  ADMIN_EMAIL: variable({
    schema: email,
    description: 'Email of the first administrator.',
  }),
  ADMIN_PASSWORD: variable({
    schema: z.string(),
    description: 'Password of the first administrator, 8 characters to 72 bytes.',
    secret: accountPassword('the first administrator could be anybody'),
  }),
};
