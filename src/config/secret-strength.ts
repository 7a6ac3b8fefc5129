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

/** What a guesser tries first; a password made of nothing else is no password. */
const COMMON_WORDS =
  'admin|administrator|azerty|bulwark|change|default|demo|example|first|guest|letmein|login|me|my|nest|pass|passwd|' +
  'password|qwerty|qwertz|root|secret|super|system|test|the|user|welcome|your';
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
function entropyBits(text: string): number {
  const bytes = Buffer.from(text);
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
export function weaknessOf(secret: string): string | undefined {
  const bytes = Buffer.byteLength(secret);
  if (bytes < MINIMUM_BYTES) return `has ${bytes} bytes, fewer than ${MINIMUM_BYTES}`;
  const plain = secret.toLowerCase().replace(/[^a-z0-9]/g, '');
  if (WELL_KNOWN.some((part) => plain.includes(part))) return 'contains a well-known example value';
  if (isRepetition(secret)) return 'is a shorter text repeated';
  if (isSequence(secret)) return 'runs along the alphabet';
  if (entropyBits(secret) < MINIMUM_ENTROPY_BITS) return 'has too little variety to be random';
  return undefined;
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
