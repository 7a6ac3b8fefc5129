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
      describes: 'the key ring, JWT_KEYS_FILE; made if missing',
      required: true,
    },
    step: { type: 'string', argument: 'STEP', describes: `${STEPS.join(', ')}: one after the other`, required: true },
    algorithm: { type: 'string', argument: 'NAME', describes: `of the new key: ${ALGORITHMS.join(', ')} (EdDSA)` },
  },
  details:
    'Changes the signing key without a refused token, in three steps with a restart of all replicas after each: "add" puts ' +
    'a new key behind the old one, so that all know it; "use" moves it to the front, so that it signs; "remove", once ' +
    'JWT_ACCESS_TTL has passed, drops the old ones. The file is replaced in one piece and readable by its owner only.',
  run({ file, step, algorithm = 'EdDSA' }) {
    const keys = read(file);
    if (step === 'add') keys.push(newKey(algorithm));
    else if (step === 'use') keys.unshift(...keys.splice(-1));
    else if (step === 'remove') keys.splice(1);
    else throw new UsageError(`--step is one of ${STEPS.join(', ')}, not "${step}".`);
    if (keys.length === 0) throw new UsageError(`${file} holds no key yet; begin with --step add.`);
    write(file, keys);
    console.log(
      keys.map(({ kid = 'without kid', alg }, i) => `${i === 0 ? 'signs' : 'verifies'}: ${kid} ${alg}`).join('\n'),
    );
    return Promise.resolve(0);
  },
});

function newKey(algorithm: string): Key {
  const common = { kid: randomUUID(), alg: algorithm, use: 'sig' };
  switch (algorithm) {
    case 'EdDSA':
      return { ...generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }), ...common };
    case 'ES256':
      return { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }), ...common };
    case 'HS256':
      return { kty: 'oct', k: randomBytes(48).toString('base64url'), ...common };
    default:
      throw new UsageError(`--algorithm is one of ${ALGORITHMS.join(', ')}, not "${algorithm}".`);
  }
}

function read(file: string): Key[] {
  if (!existsSync(file)) return [];
  let set: { keys?: unknown };
  try {
    set = JSON.parse(readFileSync(file, 'utf8')) as { keys?: unknown };
  } catch {
    // The cause could quote a key.
    throw new NoKeyRingError(file);
  }
  if (!Array.isArray(set.keys)) throw new NoKeyRingError(file);
  return set.keys as Key[];
}

function write(file: string, keys: Key[]): void {
  const part = `${file}.${process.pid}.part`;
  writeFileSync(part, `${JSON.stringify({ keys }, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(part, file);
}

/** The file holds something else (EX_DATAERR of sysexits.h); it is left as it is. */
class NoKeyRingError extends Error {
  readonly exitCode = 65;

  constructor(file: string) {
    super(`${file} is no JWK Set, {"keys": […]}; it is left as it is.`);
  }
}
