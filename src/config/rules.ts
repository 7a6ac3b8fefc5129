import { createPrivateKey } from 'node:crypto';
import type { ConfigProblem } from './config-error.js';
import { PRODUCTION_RULES } from './production-rules.js';
import { rule, type Rule } from './rule.js';
import { TRANSPORT_RULES, transportWarnings } from './transport-rules.js';
import { VARIABLE_NAMES, VARIABLES, type Variables } from './variables.js';

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

/** The rule of registration for every password. */
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

/** Weak secrets of the variables that declare one. Retired secrets only give a warning; others stop a start of production. */
function weakSecrets(values: Partial<Variables>, isRetired: boolean): ConfigProblem[] {
  return VARIABLE_NAMES.flatMap((name) => {
    const { secret } = VARIABLES[name];
    if (!secret || values[name] === undefined) return [];
    return secret
      .weaknessesOf(values[name], values.ADMIN_EMAIL)
      .filter((weakness) => weakness.isRetired === isRetired)
      .map(({ cause }) => ({ variable: name, cause, remedy: secret.remedy }));
  });
}

const isProduction = (values: Partial<Variables>) => values.NODE_ENV === 'production';

/** Problems between the variables that were parsed. A rule about any other variable does not run. */
export function ruleProblems(values: Partial<Variables>): ConfigProblem[] {
  const rules = [...GENERAL_RULES, ...TRANSPORT_RULES, ...(isProduction(values) ? PRODUCTION_RULES : [])];
  const problems = rules
    .filter(({ variables }) => variables.every((name) => name in values))
    .map(({ check }) => check(values as Variables))
    .filter((problem) => problem !== undefined);
  return isProduction(values) ? [...problems, ...weakSecrets(values, false)] : problems;
}

/** Weaknesses that production accepts and writes to its log. */
export function ruleWarnings(values: Variables): string[] {
  if (!isProduction(values)) return [];
  const retired = weakSecrets(values, true).map(
    ({ variable, cause }) => `${variable}: ${cause}; remove it when you can`,
  );
  return [...transportWarnings(values), ...retired];
}
