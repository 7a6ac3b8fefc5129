const MINIMUM_BYTES = 32;

/** Below this, a text of 32 bytes or more repeats itself too much to have come from a random generator. */
const MINIMUM_ENTROPY_BITS = 96;

/** Parts of secrets printed in tutorials and templates: found in the wild, and in every attacker's word list. */
const WELL_KNOWN = [
  'changeme',
  'change-me',
  'change_me',
  'your-secret',
  'your_secret',
  'yoursecret',
  'your-256-bit-secret',
  'your-super-secret',
  'supersecret',
  'super-secret',
  'secretkey',
  'secret-key',
  'secret_key',
  'jwt-secret',
  'jwt_secret',
  'mysecret',
  'my-secret',
  'example',
  'default',
  'password',
  'do not use this value',
  'placeholder',
  'keyboard cat',
  '0123456789abcdef',
];

/** Shannon entropy of the text's own bytes, in bits over its whole length. */
function entropyBits(text: string): number {
  const bytes = Buffer.from(text);
  const counts = new Map<number, number>();
  for (const byte of bytes) counts.set(byte, (counts.get(byte) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= count * Math.log2(count / bytes.length);
  return bits;
}

/** Whether the text is a shorter text written several times over. */
function isRepetition(text: string): boolean {
  return (text + text).indexOf(text, 1) < text.length;
}

/**
 * Why a signing secret is weak, or undefined when it is not. HS256 wants as many bytes as its hash has: 32
 * (RFC 7518, section 3.2).
 */
export function weaknessOf(secret: string): string | undefined {
  const bytes = Buffer.byteLength(secret);
  if (bytes < MINIMUM_BYTES) return `has ${bytes} bytes, fewer than ${MINIMUM_BYTES}`;
  const lower = secret.toLowerCase();
  if (WELL_KNOWN.some((part) => lower.includes(part))) return 'contains a well-known example value';
  if (isRepetition(secret)) return 'is a shorter text repeated';
  if (entropyBits(secret) < MINIMUM_ENTROPY_BITS) return 'has too little variety to be random';
  return undefined;
}
