import { createPrivateKey } from 'node:crypto';
import type { ConfigProblem } from './config-error.js';
import { weaknessOf } from './secret-strength.js';
import type { Variables } from './variables.js';

const NEW_SECRET = 'make one with: openssl rand -base64 48';

type Rule = (values: Variables) => ConfigProblem | undefined;

/** Rules between variables, in every mode. */
const GENERAL_RULES: readonly Rule[] = [
  (v) =>
    v.DATABASE_POOL_MIN > v.DATABASE_POOL_MAX
      ? {
          variable: 'DATABASE_POOL_MIN',
          cause: `${v.DATABASE_POOL_MIN} is more than DATABASE_POOL_MAX (${v.DATABASE_POOL_MAX})`,
          remedy: 'lower it, or raise DATABASE_POOL_MAX',
        }
      : undefined,
  (v) =>
    v.CORS_CREDENTIALS && v.CORS_ORIGINS.includes('*')
      ? {
          variable: 'CORS_ORIGINS',
          cause: '* together with CORS_CREDENTIALS would let every site act as the signed-in user',
          remedy: 'list the origins, or set CORS_CREDENTIALS=false',
        }
      : undefined,
  (v) =>
    v.JWT_SECRET !== undefined && v.JWT_PRIVATE_KEY !== undefined
      ? {
          variable: 'JWT_SECRET',
          cause: 'is set together with JWT_PRIVATE_KEY, and tokens are signed by one of them',
          remedy: 'remove one',
        }
      : undefined,
  (v) => (v.JWT_PRIVATE_KEY === undefined ? undefined : privateKeyProblem(v.JWT_PRIVATE_KEY)),
  (v) =>
    (v.ADMIN_EMAIL === undefined) !== (v.ADMIN_PASSWORD === undefined)
      ? {
          variable: v.ADMIN_EMAIL === undefined ? 'ADMIN_EMAIL' : 'ADMIN_PASSWORD',
          cause: 'is missing, and the other half of the first administrator is set',
          remedy: 'set both ADMIN_EMAIL and ADMIN_PASSWORD, or neither',
        }
      : undefined,
];

/** What development may do and production may not. */
const PRODUCTION_RULES: readonly Rule[] = [
  (v) => {
    if (v.JWT_PRIVATE_KEY !== undefined) return undefined;
    if (v.JWT_SECRET === undefined) {
      return { variable: 'JWT_SECRET', cause: 'is required in production', remedy: NEW_SECRET };
    }
    const weakness = weaknessOf(v.JWT_SECRET);
    return weakness === undefined
      ? undefined
      : { variable: 'JWT_SECRET', cause: `${weakness}; tokens could be forged`, remedy: NEW_SECRET };
  },
  (v) =>
    v.DATABASE_URL === undefined && !v.DATABASE_EMBEDDED_IN_PRODUCTION
      ? {
          variable: 'DATABASE_URL',
          cause: 'is required in production: the embedded database has no replicas, backups or upgrades',
          remedy: 'set it to a PostgreSQL server, or allow it with DATABASE_EMBEDDED_IN_PRODUCTION=true',
        }
      : undefined,
  (v) =>
    v.METRICS_TOKEN !== undefined && Buffer.byteLength(v.METRICS_TOKEN) < 16
      ? { variable: 'METRICS_TOKEN', cause: 'has fewer than 16 bytes; it could be guessed', remedy: NEW_SECRET }
      : undefined,
  (v) =>
    v.BCRYPT_COST < 10
      ? {
          variable: 'BCRYPT_COST',
          cause: `${v.BCRYPT_COST} makes stolen hashes cheap to guess (OWASP asks for 10 or more)`,
          remedy: 'set it to 10 or more, or remove it for 12',
        }
      : undefined,
];

function privateKeyProblem(pem: string): ConfigProblem | undefined {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return undefined;
    return {
      variable: 'JWT_PRIVATE_KEY',
      cause: `is a ${key.asymmetricKeyType ?? 'secret'} key, and ES256 needs one on the curve P-256`,
      remedy: 'make one with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256',
    };
  } catch {
    return {
      variable: 'JWT_PRIVATE_KEY',
      cause: 'is not a PEM private key',
      remedy: 'give the whole text with its line breaks, or its file by JWT_PRIVATE_KEY_FILE',
    };
  }
}

export function ruleProblems(values: Variables): ConfigProblem[] {
  const rules = values.NODE_ENV === 'production' ? [...GENERAL_RULES, ...PRODUCTION_RULES] : GENERAL_RULES;
  return rules.map((rule) => rule(values)).filter((problem) => problem !== undefined);
}
