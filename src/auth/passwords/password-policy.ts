import { COMMON_PASSWORDS } from './common-passwords.js';

/**
 * `standard`: eight characters, no common password, not the account's own email or name. `strict`: fifteen characters
 * (what NIST SP 800-63B-4 asks of a password without a second factor), nor one of those words with ornaments.
 *
 * @publicApi
 */
export type PasswordProfile = 'standard' | 'strict';

/** What an attacker would try first for this account. */
export interface PasswordContext {
  readonly email?: string;
  readonly name?: string;
  readonly appName?: string;
}

const MINIMUM_LENGTH: Readonly<Record<PasswordProfile, number>> = { standard: 8, strict: 15 };
const MIN_WORD_LENGTH = 4;

/** Why a password would be guessed; undefined where nothing is known against it. No rules of composition. */
export function passwordWeakness(
  password: string,
  profile: PasswordProfile,
  context: PasswordContext,
): { code: string; message: string } | undefined {
  const minimum = MINIMUM_LENGTH[profile];
  // Code points, each of which counts as one character (NIST SP 800-63B-4, section 3.1.1.2).
  if (Array.from(password).length < minimum) {
    return { code: 'passwordLength', message: `password must have ${minimum} characters or more` };
  }
  const spellings = profile === 'strict' ? [fold(password), core(password)] : [fold(password)];
  if (spellings.some((spelling) => COMMON_PASSWORDS.has(spelling)) || /^(.)\1*$/u.test(password)) {
    return { code: 'passwordCommon', message: 'password is one of the most common ones' };
  }
  const words = wordsOf(context);
  if (spellings.some((spelling) => words.has(spelling))) {
    return { code: 'passwordContext', message: 'password must not be the email, the name or the application' };
  }
  return undefined;
}

function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase().replaceAll(/\s+/g, '');
}

/** Without the digits and signs that people put around a word. */
function core(password: string): string {
  return /\p{L}(?:.*\p{L})?/su.exec(fold(password))?.[0] ?? '';
}

function wordsOf({ email = '', name = '', appName = '' }: PasswordContext): Set<string> {
  const words = [email, email.split('@')[0] ?? '', name, ...name.split(/\s+/), appName];
  return new Set(words.map(fold).filter((word) => word.length >= MIN_WORD_LENGTH));
}
