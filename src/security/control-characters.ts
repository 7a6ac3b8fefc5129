import { ProblemException } from '../problem/index.js';
import type { ControlCharacterRule } from './security.options.js';

/** C0 and DEL, except tab, line feed and carriage return. */
// oxlint-disable-next-line eslint/no-control-regex -- the pattern must match control characters
const CONTROL_CHARACTER = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;
// oxlint-disable-next-line eslint/no-control-regex -- the pattern must match control characters
const ALL_CONTROL_CHARACTERS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;

/**
 * A fast check without false negatives. In JSON, control characters are always escaped, except DEL, which may be literal.
 * Lone surrogates are always escaped too; encodeURI(), which validator uses, throws for them.
 */
// oxlint-disable-next-line eslint/no-control-regex -- the pattern must match DEL
const POSSIBLE_CONTROL_CHARACTER = /\\u00[017]|\\u[dD][89a-fA-F]|\\[bf]|\u007f/;

export function mayHoldControlCharacters(json: string): boolean {
  return POSSIBLE_CONTROL_CHARACTER.test(json);
}

/**
 * Applies the rule to every text in a value, including the names of fields.
 *
 * @param onStripped called once if characters were removed
 * @throws ProblemException `VALIDATION_FAILED` with the path of the field, if the rule is `refuse`
 */
export function applyControlCharacterRule(value: unknown, rule: ControlCharacterRule, onStripped: () => void): unknown {
  if (rule === 'allow') return value;
  let hasStripped = false;
  const clean = (text: string, path: string): string => {
    if (!CONTROL_CHARACTER.test(text) && text.isWellFormed()) return text;
    if (rule === 'refuse') throw createTextProblem(path, text.isWellFormed() ? 'controlCharacter' : 'loneSurrogate');
    hasStripped = true;
    return text.replaceAll(ALL_CONTROL_CHARACTERS, '').toWellFormed();
  };
  const result = mapTexts(value, '', clean);
  if (hasStripped) onStripped();
  return result;
}

/** The recursion is bounded, because the depth of JSON is limited. */
function mapTexts(value: unknown, path: string, clean: (text: string, path: string) => string): unknown {
  if (typeof value === 'string') return clean(value, path);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((inner, index) => mapTexts(inner, joinPath(path, String(index)), clean));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const name = clean(key, joinPath(path, 'field name'));
      return [name, mapTexts(inner, joinPath(path, name), clean)];
    }),
  );
}

function joinPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function createTextProblem(path: string, code: 'controlCharacter' | 'loneSurrogate'): ProblemException {
  const found = code === 'controlCharacter' ? 'a control character' : 'a lone surrogate (half of a character)';
  const detail = 'Remove the characters that are not allowed from the fields listed in "errors".';
  return new ProblemException('VALIDATION_FAILED', detail, {
    errors: [{ path: path.slice(-200), code, message: `the text contains ${found}` }],
  });
}
