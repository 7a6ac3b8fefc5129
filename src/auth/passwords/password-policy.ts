import { COMMON_PASSWORDS } from './common-passwords.js';

/**
 * `standard`: eight characters or more; not a common password; not the email or the name of the account. `strict`: fifteen
 * characters or more, as NIST SP 800-63B-4 requires without a second factor. It also refuses these words with digits and
 * symbols around them.
 *
 * @publicApi
 */
export type PasswordProfile = 'standard' | 'strict';

/** Words that an attacker would try first for this account. */
export interface PasswordContext {
  readonly email?: string;
  readonly name?: string;
  readonly appName?: string;
}

const MIN_LENGTHS: Readonly<Record<PasswordProfile, number>> = { standard: 8, strict: 15 };
const MIN_WORD_LENGTH = 4;

/** Returns why a password is easy to guess, or undefined. There are no composition rules. */
export function findPasswordWeakness(
  password: string,
  profile: PasswordProfile,
  context: PasswordContext,
): { code: string; message: string } | undefined {
  const minLength = MIN_LENGTHS[profile];
  // Each code point counts as one character (NIST SP 800-63B-4, section 3.1.1.2).
  if (Array.from(password).length < minLength) {
    return { code: 'passwordLength', message: `password must have ${minLength} characters or more` };
  }
  const spellings = profile === 'strict' ? [foldText(password), removeOuterNonLetters(password)] : [foldText(password)];
  if (spellings.some((spelling) => COMMON_PASSWORDS.has(spelling)) || /^(.)\1*$/u.test(password)) {
    return { code: 'passwordCommon', message: 'password is one of the most common ones' };
  }
  const words = getContextWords(context);
  if (spellings.some((spelling) => words.has(spelling))) {
    return {
      code: 'passwordContext',
      message: 'password must not be the email, the name or the name of the application',
    };
  }
  return undefined;
}

function foldText(text: string): string {
  return text.normalize('NFKC').toLowerCase().replaceAll(/\s+/g, '');
}

/** Removes the digits and symbols around a word. */
function removeOuterNonLetters(password: string): string {
  return /\p{L}(?:.*\p{L})?/su.exec(foldText(password))?.[0] ?? '';
}

function getContextWords({ email = '', name = '', appName = '' }: PasswordContext): Set<string> {
  const words = [email, email.split('@')[0] ?? '', name, ...name.split(/\s+/), appName];
  return new Set(words.map(foldText).filter((word) => word.length >= MIN_WORD_LENGTH));
}
