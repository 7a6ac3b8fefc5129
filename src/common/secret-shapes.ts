/** Stands in place of a secret. */
export const REDACTED = '[redacted]';

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
/** 256 random bits in base64url. Names in one letter case are not meant, and random bits are never in one. */
const RANDOM_256 = '(?=[a-z\\d_-]{0,42}[A-Z])(?=[A-Z\\d_-]{0,42}[a-z])[\\w-]{43}(?![\\w-])';
/** A digit of a recovery code as people type it: Crockford's, and the letters that are taken for digits. */
const DIGIT = '[0-9A-TV-Za-tv-z]';

/**
 * Values that are secrets, whatever name they stand under. None of the patterns matches a double quote, so that they can
 * be replaced in a line of JSON as well.
 */
const SHAPES = [
  // Tokens in JWT form, whole or cut.
  '\\beyJ[\\w-]{8,}(?:\\.[\\w-]*)*',
  '\\b[Bb]earer\\s+[\\w.~+/=-]{8,}',
  '-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*',
  // Passwords in URLs.
  '(?<=://[^\\s:@/"]*:)[^\\s@/"]+(?=@)',
  // API keys of the suite (bwk_), whole or cut.
  '\\bbwk_[\\w-]{8,}',
  // Refresh tokens: session id, secret, and a tag.
  `\\b${UUID}\\.[\\w-]{43}(?:\\.[\\w-]{22})?(?![\\w-])`,
  // One-time tokens, mfa tokens, CSRF tokens.
  `(?<![\\w-])${RANDOM_256}`,
  // Recovery codes, with dashes and without.
  `(?<![\\w-])${DIGIT}{6}(?:-${DIGIT}{6}){3}(?![\\w-])`,
  `(?<![\\w-])(?=[A-Za-z]{0,23}\\d)(?=[0-9A-Fa-f]{0,23}[G-TV-Zg-tv-z])${DIGIT}{24}(?![\\w-])`,
];
const SECRETS = new RegExp(SHAPES.join('|'), 'g');

/** A text without any of these holds no secret. Most texts are such, and one look is cheaper than the replacements. */
const HINT = /eyJ|[Bb]earer\s|-----BEGIN|:\/\/|bwk_|[\w-]{24}/;

/** The text with {@link REDACTED} in place of whatever looks like a secret. */
export function withoutSecrets(text: string): string {
  return HINT.test(text) ? text.replace(SECRETS, REDACTED) : text;
}

/** Names whose values are secrets, without case, `-` and `_`. */
const SECRET_NAMES =
  /passw|passphrase|secret|authorization|cookie|credential|apikey(?!id$)|privatekey|token$|recoverycodes?$|totp|^otp$|^pin$|^cvv$|cardnumber|^jwt$/;

/** Whether the value of such a name is a secret, whatever it looks like. */
export function isSecretName(name: string): boolean {
  return SECRET_NAMES.test(plainName(name));
}

/** A name without case, `-`, `_` and spaces. */
export function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[-_\s]/g, '');
}
