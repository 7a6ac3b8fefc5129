const MINIMUM_BYTES = 32;

/** Below this, a text of 32 bytes or more repeats itself too much to have come from a random generator. */
const MINIMUM_ENTROPY_BITS = 84;

/**
 * Parts of secrets printed in tutorials and templates, in lower case and without punctuation: found in the wild, and in
 * every attacker's word list.
 */
const WELL_KNOWN = [
  'changeme',
  'changethis',
  'replaceme',
  'yoursecret',
  'yoursupersecret',
  'your256bitsecret',
  'astringsecretatleast256bitslong',
  'supersecret',
  'topsecret',
  'mysecret',
  'secretkey',
  'jwtsecret',
  'thisisasecret',
  'example',
  'default',
  'insecure',
  'password',
  'placeholder',
  'donotusethisvalue',
  'keyboardcat',
  'correcthorsebatterystaple',
  '0123456789abcdef',
];

/**
 * Keys that standards and tools print as examples, base64url: RFC 7515 A.1 and RFC 7520 3.5, as HS256
 * secrets.
 */
const KNOWN_KEYS = new Set([
  'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
  'hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg',
]);

/** The same of private keys (`d`): RFC 7515 A.3, RFC 7517 A.2, RFC 8037 A.1, and the ES256 example of jwt.io. */
const KNOWN_PRIVATE_KEYS = new Set([
  'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI',
  '870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE',
  'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
  'evZzL1gdAFr88hb2OF_2NxApJCzGCEDdfSp6VQO30hw',
]);

/** What a guesser tries first; a password made of nothing else is no password. */
const COMMON_WORDS =
  'admin|administrator|azerty|bulwark|change|default|demo|example|first|guest|letmein|login|me|minio|my|nest|pass|passwd|' +
  'password|postgres|qwerty|qwertz|redis|root|secret|super|system|test|the|user|welcome|your';
const ONLY_COMMON_WORDS = new RegExp(`^(?:${COMMON_WORDS})+$`);

const LETTER_OF: Readonly<Record<string, string>> = {
  '@': 'a',
  '4': 'a',
  '3': 'e',
  '1': 'i',
  '0': 'o',
  $: 's',
  '5': 's',
};

/** Shannon entropy of the text's own bytes, in bits over its whole length. */
function entropyBits(bytes: Buffer): number {
  const counts = new Map<number, number>();
  for (const byte of bytes) counts.set(byte, (counts.get(byte) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= count * Math.log2(count / bytes.length);
  return bits;
}

/** Whether a shorter text is written twice or more, the last time perhaps not to its end. */
function isRepetition(text: string): boolean {
  for (let period = 1; period <= text.length / 2; period++) {
    if (text.startsWith(text.slice(period))) return true;
  }
  return false;
}

/** Whether the text mostly runs along the alphabet or the digits: `abcdef…`, `987654…`. */
function isSequence(text: string): boolean {
  let steps = 0;
  for (let index = 1; index < text.length; index++) {
    if (Math.abs(text.charCodeAt(index) - text.charCodeAt(index - 1)) <= 1) steps++;
  }
  return steps > ((text.length - 1) * 2) / 3;
}

/**
 * Why a secret is weak, or undefined when it is not. HS256 wants as many bytes as its hash has: 32
 * (RFC 7518, section 3.2).
 */
export function weaknessOf(secret: string | Buffer): string | undefined {
  const bytes = Buffer.from(secret as string);
  const text = bytes.toString('latin1');
  if (bytes.length < MINIMUM_BYTES) return `has ${bytes.length} bytes, fewer than ${MINIMUM_BYTES}`;
  if (KNOWN_KEYS.has(bytes.toString('base64url')) || KNOWN_KEYS.has(text)) return 'is a printed example';
  const plain = text.toLowerCase().replace(/[^a-z0-9]/g, '');
  if (WELL_KNOWN.some((part) => plain.includes(part))) return 'contains a well-known example value';
  if (isRepetition(text)) return 'is a shorter text repeated';
  if (isSequence(text)) return 'runs along the alphabet';
  if (entropyBits(bytes) < MINIMUM_ENTROPY_BITS) return 'has too little variety to be random';
  return undefined;
}

/** Whether the private part of a key, base64url, is one that is printed as an example. */
export function isKnownPrivateKey(scalar: string | undefined): boolean {
  return scalar !== undefined && KNOWN_PRIVATE_KEYS.has(scalar);
}

/** Why anybody would guess the password of the account with this email, or undefined. */
export function passwordWeaknessOf(password: string, email = ''): string | undefined {
  const lower = password.toLowerCase();
  if (email !== '' && (lower === email.toLowerCase() || lower === email.toLowerCase().split('@')[0])) {
    return 'is the name of its account';
  }
  if (isRepetition(lower)) return 'is a shorter text repeated';
  if (isSequence(lower)) return 'runs along the alphabet';
  // "P@ssw0rd123!" is the word "password" to a guesser.
  const [upToLastLetter = ''] = /^.*[a-z]/s.exec(lower) ?? [];
  const core = upToLastLetter.replace(/[^a-z]/g, (character) => LETTER_OF[character] ?? '');
  return ONLY_COMMON_WORDS.test(core) ? 'is made of words that are guessed first' : undefined;
}
