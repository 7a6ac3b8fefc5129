import { describe, expect, it, vi } from 'vitest';
import { mayHoldControlCharacters, applyControlCharacterRule } from './control-characters.js';

const clean = { a: 'tab\tline\r\nend', b: [1, null, true, 'ä\u0085😀'] };
const dirty = { a: ['x\u0000y'], 'na\u0001me': { b: '\u007f' } };

describe('control characters', () => {
  it('are not found in ordinary text', () => {
    const onStripped = vi.fn<() => void>();
    expect(applyControlCharacterRule(clean, 'refuse', onStripped)).toEqual(clean);
    expect(applyControlCharacterRule(clean, 'strip', onStripped)).toEqual(clean);
    expect(onStripped).not.toHaveBeenCalled();
  });

  it('are rejected with the path of the field', () => {
    expect(() => applyControlCharacterRule(dirty, 'refuse', () => undefined)).toThrow(
      expect.objectContaining({ extensions: { errors: [expect.objectContaining({ path: 'a.0' })] } }),
    );
  });

  it('are stripped, and the callback is called once', () => {
    const onStripped = vi.fn<() => void>();
    expect(applyControlCharacterRule(dirty, 'strip', onStripped)).toEqual({ a: ['xy'], name: { b: '' } });
    expect(onStripped).toHaveBeenCalledOnce();
  });

  it('include lone surrogates', () => {
    // validator's isEmail() throws a URIError for a lone surrogate, and the response would be a 500.
    expect(() => applyControlCharacterRule({ a: 'x\ud800' }, 'refuse', () => undefined)).toThrow(
      expect.objectContaining({ extensions: { errors: [expect.objectContaining({ code: 'loneSurrogate' })] } }),
    );
    expect(applyControlCharacterRule(['x\ud800', '😀'], 'strip', () => undefined)).toEqual(['x\ufffd', '😀']);
    expect(mayHoldControlCharacters(JSON.stringify('\ud800'))).toBe(true);
    expect(mayHoldControlCharacters('"\\uDFFF"')).toBe(true);
  });

  it('are detected in every JSON spelling', () => {
    const codes = Array.from({ length: 0x20 }, (_, code) => code).filter((code) => ![9, 10, 13].includes(code));
    for (const code of [...codes, 0x7f]) {
      const hexadecimal = code.toString(16).padStart(4, '0');
      const jsonTexts = [
        `"\\u${hexadecimal}"`,
        `"\\u${hexadecimal.toUpperCase()}"`,
        JSON.stringify(String.fromCodePoint(code)),
      ];
      expect(jsonTexts.filter((json) => !mayHoldControlCharacters(json))).toEqual([]);
    }
    expect(mayHoldControlCharacters(JSON.stringify(clean))).toBe(false);
  });
});
