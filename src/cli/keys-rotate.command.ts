import { generateKeyPairSync, randomBytes, randomUUID, type JsonWebKey } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { defineCommand, UsageError } from './command.js';

const STEPS = ['add', 'use', 'remove'] as const;
const ALGORITHMS = ['EdDSA', 'ES256', 'HS256'] as const;

type Key = JsonWebKey & { kid?: string; alg?: string; use?: string };

export const command = defineCommand({
  options: {
    file: {
      type: 'string',
      argument: 'FILE',
      description: 'the JWK Set of JWT_KEYS_FILE. It is created if it is missing',
      required: true,
    },
    step: { type: 'string', argument: 'STEP', description: `${STEPS.join(', ')}, in this order`, required: true },
    algorithm: {
      type: 'string',
      argument: 'NAME',
      description: `algorithm of the new key: ${ALGORITHMS.join(', ')} (EdDSA)`,
    },
  },
  details:
    'Rotates the signing key in three steps, so that no token is rejected. Restart all replicas after each step. "add" ' +
    'appends a new key, so that all replicas can verify with it. "use" moves the new key to the front, so that it signs. ' +
    '"remove" deletes the old keys; run it after JWT_ACCESS_TTL has passed. The file is replaced atomically, and only its ' +
    'owner can read it.',
  run({ file, step, algorithm = 'EdDSA' }) {
    const keys = readKeys(file);
    if (step === 'add') keys.push(createKey(algorithm));
    else if (step === 'use') keys.unshift(...keys.splice(-1));
    else if (step === 'remove') keys.splice(1);
    else throw new UsageError(`--step must be one of ${STEPS.join(', ')}. "${step}" is not allowed.`);
    if (keys.length === 0) throw new UsageError(`${file} contains no key. Start with --step add.`);
    writeKeys(file, keys);
    console.log(
      keys.map(({ kid = 'without kid', alg }, i) => `${i === 0 ? 'signs' : 'verifies'}: ${kid} ${alg}`).join('\n'),
    );
    return Promise.resolve(0);
  },
});

function createKey(algorithm: string): Key {
  const common = { kid: randomUUID(), alg: algorithm, use: 'sig' };
  switch (algorithm) {
    case 'EdDSA':
      return { ...generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }), ...common };
    case 'ES256':
      return { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }), ...common };
    case 'HS256':
      return { kty: 'oct', k: randomBytes(48).toString('base64url'), ...common };
    default:
      throw new UsageError(`--algorithm must be one of ${ALGORITHMS.join(', ')}. "${algorithm}" is not allowed.`);
  }
}

function readKeys(file: string): Key[] {
  if (!existsSync(file)) return [];
  let set: { keys?: unknown };
  try {
    set = JSON.parse(readFileSync(file, 'utf8')) as { keys?: unknown };
  } catch {
    // The message of the cause could contain a key.
    throw new NoKeyRingError(file);
  }
  if (!Array.isArray(set.keys)) throw new NoKeyRingError(file);
  return set.keys as Key[];
}

function writeKeys(file: string, keys: Key[]): void {
  const part = `${file}.${process.pid}.part`;
  writeFileSync(part, `${JSON.stringify({ keys }, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(part, file);
}

/** The file is not a JWK Set (EX_DATAERR of sysexits.h). It is not changed. */
class NoKeyRingError extends Error {
  readonly exitCode = 65;

  constructor(file: string) {
    super(`${file} is not a JWK Set, {"keys": […]}. The file was not changed.`);
  }
}
