import { rule, type Rule } from './rule.js';
import { NEW_SECRET } from './secrets.js';
import { isLocalHost } from './transport-security.js';

/** Rules of production only. Weak secrets have their own check in `rules.ts`. */
export const PRODUCTION_RULES: readonly Rule[] = [
  rule(['JWT_SECRET', 'JWT_PRIVATE_KEY', 'JWT_KEYS_FILE'], (v) => {
    if (v.JWT_PRIVATE_KEY !== undefined || v.JWT_KEYS_FILE !== undefined) return undefined;
    if (v.JWT_SECRET !== undefined) return undefined;
    return { variable: 'JWT_SECRET', cause: 'is required in production', remedy: NEW_SECRET };
  }),
  rule(['DATABASE_URL', 'DATABASE_EMBEDDED_IN_PRODUCTION'], (v) =>
    v.DATABASE_URL === undefined && !v.DATABASE_EMBEDDED_IN_PRODUCTION
      ? {
          variable: 'DATABASE_URL',
          cause: 'is required in production: the embedded database has no replicas, backups or upgrades',
          remedy: 'set it to a PostgreSQL server, or allow it with DATABASE_EMBEDDED_IN_PRODUCTION=true',
        }
      : undefined,
  ),
  rule(['BCRYPT_COST'], (v) =>
    v.BCRYPT_COST < 10
      ? {
          variable: 'BCRYPT_COST',
          cause: `${v.BCRYPT_COST} makes stolen hashes cheap to guess (OWASP asks for 10 or more)`,
          remedy: 'set it to 10 or more, or remove it for 12',
        }
      : undefined,
  ),
  ...(['AUDIT_DIGEST_BUCKET', 'BREACHED_PASSWORDS_URL'] as const).map((variable) =>
    rule([variable], ({ [variable]: url }) =>
      url === undefined || new URL(url).protocol === 'https:' || isLocalHost(new URL(url).hostname)
        ? undefined
        : {
            variable,
            cause: 'begins with http://, so that anybody on the way could change what it answers',
            remedy: 'write https://',
          },
    ),
  ),
];
