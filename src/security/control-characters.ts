import { ProblemException } from '../problem/index.js';
import type { ControlCharacterRule } from './security.options.js';

/** C0 and DEL, but for tab, line feed and carriage return. */
// oxlint-disable-next-line eslint/no-control-regex -- they are what it looks for
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;
// oxlint-disable-next-line eslint/no-control-regex -- they are what it looks for
const EVERY_CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g;

/**
 * Cheap and never wrong in saying no: JSON can only hold them as escapes, but for DEL, which may stand as it is. Halves of
 * a character (lone surrogates) can only be spelt so, too; encodeURI(), which validator uses, throws on them.
 */
// oxlint-disable-next-line eslint/no-control-regex -- they are what it looks for
const SUSPICIOUS_JSON = /\\u00[017]|\\u[dD][89a-fA-F]|\\[bf]|\u007f/;

export function mayHoldControlCharacters(json: string): boolean {
  return SUSPICIOUS_JSON.test(json);
}

/**
 * Applies the rule to every text in a value, names of fields among them.
 *
 * @param onStripped told once when something was taken out
 * @throws ProblemException `VALIDATION_FAILED` with the path of the field, where the rule refuses
 */
export function withoutControlCharacters(value: unknown, rule: ControlCharacterRule, onStripped: () => void): unknown {
  if (rule === 'allow') return value;
  let hasStripped = false;
  const clean = (text: string, path: string): string => {
    if (!CONTROL.test(text) && text.isWellFormed()) return text;
    if (rule === 'refuse') throw unfitText(path, text.isWellFormed() ? 'controlCharacter' : 'loneSurrogate');
    hasStripped = true;
    return text.replaceAll(EVERY_CONTROL, '').toWellFormed();
  };
  const result = mapped(value, '', clean);
  if (hasStripped) onStripped();
  return result;
}

/** JSON is at most as deep as its own limit, which keeps the recursion short. */
function mapped(value: unknown, path: string, clean: (text: string, path: string) => string): unknown {
  if (typeof value === 'string') return clean(value, path);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((inner, index) => mapped(inner, joined(path, String(index)), clean));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const name = clean(key, joined(path, 'name of a field'));
      return [name, mapped(inner, joined(path, name), clean)];
    }),
  );
}

function joined(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function unfitText(path: string, code: 'controlCharacter' | 'loneSurrogate'): ProblemException {
  const what = code === 'controlCharacter' ? 'a control character' : 'half a character';
  return new ProblemException('VALIDATION_FAILED', 'Remove what is no text from the fields named in "errors".', {
    errors: [{ path: path.slice(-200), code, message: `the text holds ${what}` }],
  });
}
