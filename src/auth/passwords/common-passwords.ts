import { COMMON_SEQUENCES, COMMON_WORDS } from './common-password-words.js';

/** Shorter ones are refused by their length. */
const SHORTEST = 8;
const USUAL_ENDINGS = ['', '1', '12', '123', '1234', '!'];
const ALTERNATIVES = /^(?<head>[^{}]*)\{(?<endings>[^{}]*)\}$/;

/**
 * The most common passwords of eight characters and more, in lower case, over ten thousand (ASVS 5.0, 6.2.4 asks for
 * three; NIST SP 800-63B-4, section 3.1.1.2).
 */
export const COMMON_PASSWORDS: ReadonlySet<string> = new Set(
  [
    ...COMMON_SEQUENCES.trim().split(/\s+/).flatMap(alternatives),
    ...COMMON_WORDS.trim()
      .split(/\s+/)
      .flatMap((word) => USUAL_ENDINGS.map((ending) => word + ending)),
  ].filter((password) => password.length >= SHORTEST),
);

function alternatives(sequence: string): string[] {
  const { head, endings } = ALTERNATIVES.exec(sequence)?.groups ?? {};
  return head === undefined || endings === undefined ? [sequence] : endings.split(',').map((ending) => head + ending);
}
