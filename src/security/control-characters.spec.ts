import { describe, expect, it, vi } from 'vitest';
import { mayHoldControlCharacters, withoutControlCharacters } from './control-characters.js';

const clean = { a: 'tab\tline\r\nend', b: [1, null, true, 'ä\u0085😀'] };
const dirty = { a: ['x\u0000y'], 'na\u0001me': { b: '\u007f' } };

describe('control characters', () => {
  it('are none in ordinary text', () => {
    const onStripped = vi.fn<() => void>();
    expect(withoutControlCharacters(clean, 'refuse', onStripped)).toEqual(clean);
    expect(withoutControlCharacters(clean, 'strip', onStripped)).toEqual(clean);
    expect(onStripped).not.toHaveBeenCalled();
  });

  it('are refused with the path of the field', () => {
    expect(() => withoutControlCharacters(dirty, 'refuse', () => undefined)).toThrow(
      expect.objectContaining({ extensions: { errors: [expect.objectContaining({ path: 'a.0' })] } }),
    );
  });

  it('are stripped, and that is told once', () => {
    const onStripped = vi.fn<() => void>();
    expect(withoutControlCharacters(dirty, 'strip', onStripped)).toEqual({ a: ['xy'], name: { b: '' } });
    expect(onStripped).toHaveBeenCalledOnce();
  });

  it('are no worse than half a character', () => {
    // validator's isEmail() throws a URIError on it, which would be a 500.
    expect(() => withoutControlCharacters({ a: 'x\ud800' }, 'refuse', () => undefined)).toThrow(
      expect.objectContaining({ extensions: { errors: [expect.objectContaining({ code: 'loneSurrogate' })] } }),
    );
    expect(withoutControlCharacters(['x\ud800', '😀'], 'strip', () => undefined)).toEqual(['x\ufffd', '😀']);
    expect(mayHoldControlCharacters(JSON.stringify('\ud800'))).toBe(true);
    expect(mayHoldControlCharacters('"\\uDFFF"')).toBe(true);
  });

  it('cannot hide in JSON', () => {
    const codes = Array.from({ length: 0x20 }, (_, code) => code).filter((code) => ![9, 10, 13].includes(code));
    for (const code of [...codes, 0x7f]) {
      const hexadecimal = code.toString(16).padStart(4, '0');
      const spellings = [
        `"\\u${hexadecimal}"`,
        `"\\u${hexadecimal.toUpperCase()}"`,
        JSON.stringify(String.fromCodePoint(code)),
      ];
      expect(spellings.filter((json) => !mayHoldControlCharacters(json))).toEqual([]);
    }
    expect(mayHoldControlCharacters(JSON.stringify(clean))).toBe(false);
  });
});
