import { createPrivateKey } from 'node:crypto';
import type { ConfigProblem } from './config-error.js';
import { passwordWeaknessOf, weaknessOf } from './secret-strength.js';
import type { VariableName, Variables } from './variables.js';

const NEW_SECRET = 'make one with: openssl rand -base64 48';

interface Rule {
  readonly variables: readonly VariableName[];
  readonly check: (values: Variables) => ConfigProblem | undefined;
}

/** A rule sees the variables it names and no others, so that it can be left out when one of them was not understood. */
function rule<Name extends VariableName>(
  variables: readonly Name[],
  check: (values: Pick<Variables, Name>) => ConfigProblem | undefined,
): Rule {
  return { variables, check };
}

/** Rules between variables, in every mode. */
const GENERAL_RULES: readonly Rule[] = [
  rule(['DATABASE_POOL_MIN', 'DATABASE_POOL_MAX'], (v) =>
    v.DATABASE_POOL_MIN > v.DATABASE_POOL_MAX
      ? {
          variable: 'DATABASE_POOL_MIN',
          cause: `${v.DATABASE_POOL_MIN} is more than DATABASE_POOL_MAX (${v.DATABASE_POOL_MAX})`,
          remedy: `set it to ${v.DATABASE_POOL_MAX} or less, or raise DATABASE_POOL_MAX`,
        }
      : undefined,
  ),
  rule(['CORS_CREDENTIALS', 'CORS_ORIGINS'], (v) =>
    v.CORS_CREDENTIALS && v.CORS_ORIGINS.includes('*')
      ? {
          variable: 'CORS_ORIGINS',
          cause: '* together with CORS_CREDENTIALS would let every site act as the signed-in user',
          remedy: 'list the origins, or set CORS_CREDENTIALS=false',
        }
      : undefined,
  ),
  rule(['AUDIT_SINK_REDIS_STREAM', 'REDIS_URL'], (v) =>
    v.AUDIT_SINK_REDIS_STREAM !== undefined && v.REDIS_URL === undefined
      ? {
          variable: 'AUDIT_SINK_REDIS_STREAM',
          cause: 'names a stream of a Redis that is not named',
          remedy: 'set REDIS_URL as well, or remove it',
        }
      : undefined,
  ),
  rule(['JWT_SECRET', 'JWT_PRIVATE_KEY'], (v) =>
    v.JWT_SECRET !== undefined && v.JWT_PRIVATE_KEY !== undefined
      ? {
          variable: 'JWT_SECRET',
          cause: 'is set together with JWT_PRIVATE_KEY, and tokens are signed by one of them',
          remedy: 'remove one',
        }
      : undefined,
  ),
  rule(['JWT_SECRET', 'JWT_PRIVATE_KEY', 'JWT_KEYS_FILE'], (v) =>
    v.JWT_KEYS_FILE !== undefined && (v.JWT_SECRET !== undefined || v.JWT_PRIVATE_KEY !== undefined)
      ? {
          variable: 'JWT_KEYS_FILE',
          cause: 'is set together with JWT_SECRET or JWT_PRIVATE_KEY, and tokens are signed by one of them',
          remedy: 'remove the others',
        }
      : undefined,
  ),
  rule(['JWT_PRIVATE_KEY'], (v) =>
    v.JWT_PRIVATE_KEY === undefined ? undefined : privateKeyProblem(v.JWT_PRIVATE_KEY),
  ),
  rule(['ADMIN_EMAIL', 'ADMIN_PASSWORD'], (v) =>
    (v.ADMIN_EMAIL === undefined) !== (v.ADMIN_PASSWORD === undefined)
      ? {
          variable: v.ADMIN_EMAIL === undefined ? 'ADMIN_EMAIL' : 'ADMIN_PASSWORD',
          cause: 'is missing, and the other half of the first administrator is set',
          remedy: 'set both ADMIN_EMAIL and ADMIN_PASSWORD, or neither',
        }
      : undefined,
  ),
  rule(['ADMIN_PASSWORD'], (v) =>
    v.ADMIN_PASSWORD !== undefined && !isUsablePassword(v.ADMIN_PASSWORD)
      ? {
          variable: 'ADMIN_PASSWORD',
          cause: 'is shorter than 8 characters, longer than the 72 bytes that bcrypt reads, or not well-formed Unicode',
          remedy: 'choose another; the limits are those of every account',
        }
      : undefined,
  ),
];

/** What development may do and production may not. */
const PRODUCTION_RULES: readonly Rule[] = [
  rule(['JWT_SECRET', 'JWT_PRIVATE_KEY', 'JWT_KEYS_FILE'], (v) => {
    if (v.JWT_PRIVATE_KEY !== undefined || v.JWT_KEYS_FILE !== undefined) return undefined;
    if (v.JWT_SECRET === undefined) {
      return { variable: 'JWT_SECRET', cause: 'is required in production', remedy: NEW_SECRET };
    }
    const weakness = weaknessOf(v.JWT_SECRET);
    return weakness === undefined
      ? undefined
      : { variable: 'JWT_SECRET', cause: `${weakness}; tokens could be forged`, remedy: NEW_SECRET };
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
  rule(['METRICS_TOKEN'], (v) => {
    const weakness = v.METRICS_TOKEN === undefined ? undefined : weaknessOf(v.METRICS_TOKEN);
    return weakness === undefined
      ? undefined
      : { variable: 'METRICS_TOKEN', cause: `${weakness}; it could be guessed`, remedy: NEW_SECRET };
  }),
  rule(['ADMIN_EMAIL', 'ADMIN_PASSWORD'], (v) => {
    const weakness = v.ADMIN_PASSWORD === undefined ? undefined : passwordWeaknessOf(v.ADMIN_PASSWORD, v.ADMIN_EMAIL);
    return weakness === undefined
      ? undefined
      : { variable: 'ADMIN_PASSWORD', cause: weakness, remedy: 'make one with: openssl rand -base64 18' };
  }),
  rule(['BCRYPT_COST'], (v) =>
    v.BCRYPT_COST < 10
      ? {
          variable: 'BCRYPT_COST',
          cause: `${v.BCRYPT_COST} makes stolen hashes cheap to guess (OWASP asks for 10 or more)`,
          remedy: 'set it to 10 or more, or remove it for 12',
        }
      : undefined,
  ),
];

/** What registration asks of everybody's password. */
function isUsablePassword(password: string): boolean {
  const isText = password.isWellFormed() && !password.includes('\0');
  return isText && password.length >= 8 && Buffer.byteLength(password.normalize('NFKC')) <= 72;
}

function privateKeyProblem(pem: string): ConfigProblem | undefined {
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPrivateKey(pem);
    if (type === 'ed25519' || (type === 'ec' && details?.namedCurve === 'prime256v1')) return undefined;
    return {
      variable: 'JWT_PRIVATE_KEY',
      cause: `is a key of type ${[type, details?.namedCurve].filter(Boolean).join(' ')}, and tokens need one on Ed25519 or P-256`,
      remedy: 'make one with: openssl genpkey -algorithm ed25519',
    };
  } catch {
    return {
      variable: 'JWT_PRIVATE_KEY',
      cause: 'is not a PEM private key, or is one with a passphrase',
      remedy: 'give the whole text with its line breaks, or its file by JWT_PRIVATE_KEY_FILE',
    };
  }
}

/** Problems of the variables that were understood; rules about others are left out. */
export function ruleProblems(values: Partial<Variables>): ConfigProblem[] {
  const rules = values.NODE_ENV === 'production' ? [...GENERAL_RULES, ...PRODUCTION_RULES] : GENERAL_RULES;
  return rules
    .filter(({ variables }) => variables.every((name) => name in values))
    .map(({ check }) => check(values as Variables))
    .filter((problem) => problem !== undefined);
}
