import { COMMON_SEQUENCES, COMMON_WORDS } from './common-password-words.js';

/** Shorter passwords are refused because of their length. */
const MIN_LENGTH = 8;
const COMMON_ENDINGS = ['', '1', '12', '123', '1234', '!'];
const ALTERNATIVES = /^(?<head>[^{}]*)\{(?<endings>[^{}]*)\}$/;

/**
 * More than 10,000 of the most common passwords with eight or more characters, in lower case. ASVS 5.0, 6.2.4 requires
 * 3,000; see also NIST SP 800-63B-4, section 3.1.1.2.
 */
export const COMMON_PASSWORDS: ReadonlySet<string> = new Set(
  [
    ...COMMON_SEQUENCES.trim().split(/\s+/).flatMap(expandSequence),
    ...COMMON_WORDS.trim()
      .split(/\s+/)
      .flatMap((word) => COMMON_ENDINGS.map((ending) => word + ending)),
  ].filter((password) => password.length >= MIN_LENGTH),
);

function expandSequence(sequence: string): string[] {
  const { head, endings } = ALTERNATIVES.exec(sequence)?.groups ?? {};
  return head === undefined || endings === undefined ? [sequence] : endings.split(',').map((ending) => head + ending);
}
