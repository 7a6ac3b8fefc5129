/** Replaces a secret in text. */
export const REDACTED = '[redacted]';

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
/**
 * 256 random bits in base64url. It must contain upper-case and lower-case letters: long names often have only one case,
 * and 256 random bits practically never do.
 */
const RANDOM_256 = '(?=[a-z\\d_-]{0,42}[A-Z])(?=[A-Z\\d_-]{0,42}[a-z])[\\w-]{43}(?![\\w-])';
/** A digit of a recovery code as people type it: Crockford's Base32 digits, and the letters that look like digits. */
const DIGIT = '[0-9A-TV-Za-tv-z]';

/**
 * Patterns of secret values, independent of the field name. No pattern matches a double quote, so secrets can be replaced
 * in a line of JSON too.
 */
const SECRET_PATTERNS = [
  // Tokens in JWT format, complete or truncated.
  '\\beyJ[\\w-]{8,}(?:\\.[\\w-]*)*',
  '\\b[Bb]earer\\s+[\\w.~+/=-]{8,}',
  '-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*',
  // Passwords in URLs.
  '(?<=://[^\\s:@/"]*:)[^\\s@/"]+(?=@)',
  // API keys of this library (bwk_), complete or truncated.
  '\\bbwk_[\\w-]{8,}',
  // Refresh tokens: session id, secret and tag.
  `\\b${UUID}\\.[\\w-]{43}(?:\\.[\\w-]{22})?(?![\\w-])`,
  // One-time tokens, mfa tokens, CSRF tokens.
  `(?<![\\w-])${RANDOM_256}`,
  // Recovery codes, with and without dashes.
  `(?<![\\w-])${DIGIT}{6}(?:-${DIGIT}{6}){3}(?![\\w-])`,
  `(?<![\\w-])(?=[A-Za-z]{0,23}\\d)(?=[0-9A-Fa-f]{0,23}[G-TV-Zg-tv-z])${DIGIT}{24}(?![\\w-])`,
];
const ANY_SECRET = new RegExp(SECRET_PATTERNS.join('|'), 'g');

/** A text that does not match holds no secret. Most texts do not match, and this test is cheaper than the replacement. */
const POSSIBLE_SECRET = /eyJ|[Bb]earer\s|-----BEGIN|:\/\/|bwk_|[\w-]{24}/;

/** Replaces everything that looks like a secret by {@link REDACTED}. */
export function redactSecrets(text: string): string {
  return POSSIBLE_SECRET.test(text) ? text.replace(ANY_SECRET, REDACTED) : text;
}

/** Field names whose values are secrets, after {@link normalizeName}. */
const SECRET_NAMES =
  /passw|passphrase|secret|authorization|cookie|credential|apikey(?!id$)|privatekey|token$|recoverycodes?$|totp|^otp$|^pin$|^cvv$|cardnumber|^jwt$/;

/** Whether the value of a field with this name is a secret, independent of the value. */
export function isSecretName(name: string): boolean {
  return SECRET_NAMES.test(normalizeName(name));
}

/** Converts a name to lower case and removes `-`, `_` and spaces. */
export function normalizeName(name: string): string {
  return name.toLowerCase().replaceAll(/[-_\s]/g, '');
}
