import { describe, expect, it } from 'vitest';
import { parseFormText } from './form-body.js';
import { parseJsonBody } from './json-body.js';

const json = (text: string) => parseJsonBody(Buffer.from(text));

describe('a JSON body', () => {
  it.each([
    ['{"a":[1,"ä",null,true]}', { a: [1, 'ä', null, true] }],
    ['  "text" ', 'text'],
    ['null', null],
    ['0', 0],
    ['', undefined],
  ])('is read: %s', (text, value) => {
    expect(json(text)).toEqual(value);
  });

  it.each(['{', '{"a":1,}', 'undefined', '\uFEFF{}', '{} {}'])('is refused when it is none: %s', (text) => {
    expect(() => json(text)).toThrow(expect.objectContaining({ code: 'MALFORMED_JSON' }));
  });

  it.each([
    ['a lone continuation', [0x22, 0x80, 0x22]],
    ['a sequence cut off', [0x22, 0xc3, 0x22]],
    ['an overlong slash', [0x22, 0xc0, 0xaf, 0x22]],
    ['a surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
  ])('is refused when it is not UTF-8: %s', (_what, bytes) => {
    expect(() => parseJsonBody(Buffer.from(bytes))).toThrow(expect.objectContaining({ code: 'INVALID_ENCODING' }));
  });

  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

  it('may be 64 deep and no deeper', () => {
    expect(json(nested(64))).toBeInstanceOf(Array);
    expect(() => json(nested(65))).toThrow(expect.objectContaining({ code: 'JSON_TOO_DEEP' }));
    expect(() => json(`{"a":${nested(64)}}`)).toThrow(expect.objectContaining({ code: 'JSON_TOO_DEEP' }));
  });

  it('may be as wide as it likes', () => {
    expect(json(`[${Array.from({ length: 500 }, () => '[[]]').join(',')}]`)).toHaveLength(500);
  });

  it.each([String.raw`\"`, String.raw`\\`, '[', '{"'.slice(0, 1), String.raw`\u005b`])(
    'is not deep for what stands in strings: %s',
    (text) => {
      expect(json(`["${text.repeat(300)}","[[[["]`)).toHaveLength(2);
    },
  );
});

describe('reserved keys', () => {
  it.each([
    ['{"__proto__":1}', '__proto__'],
    ['{"a":[{"constructor":{}}]}', 'a.0.constructor'],
    ['{"hasOwnProperty":1}', 'hasOwnProperty'],
    ['{"\\u0070rototype":1}', 'prototype'],
    ['[[{"valueOf":1}]]', '0.0.valueOf'],
  ])('are refused in %s', (text, path) => {
    expect(() => json(text)).toThrow(
      expect.objectContaining({
        code: 'VALIDATION_FAILED',
        extensions: { errors: [{ path, code: 'reservedName', message: 'the name is reserved' }] },
      }),
    );
  });

  it.each(['{"a":"__proto__"}', '{"a":"constructor: prototype"}', '{"proto":1,"constructors":1}', '{"a":"\\u005f"}'])(
    'are not seen where there are none: %s',
    (text) => {
      expect(json(text)).toEqual(JSON.parse(text));
    },
  );
});

describe('a form body', () => {
  it('is read flat, repeated names as arrays', () => {
    expect(parseFormText('a=1&b=x+y&a=2&c[d]=%C3%A4&e', 10)).toEqual({
      a: ['1', '2'],
      b: 'x y',
      'c[d]': 'ä',
      e: '',
    });
  });

  it('is refused with reserved names, and when it is not UTF-8', () => {
    expect(() => parseFormText('%5F_proto__=1', 10)).toThrow(expect.objectContaining({ code: 'VALIDATION_FAILED' }));
    expect(() => parseFormText('a=1&b=2&c=3', 2)).toThrow(expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE' }));
  });
});

describe('a JSON body with many fields', () => {
  const limits = { jsonDepth: 64, jsonKeys: 3 };
  const refused = expect.objectContaining({ code: 'JSON_TOO_MANY_KEYS' });

  it('is refused beyond the limit, wherever they stand', () => {
    expect(parseJsonBody(Buffer.from('{"a":1,"b":{"c":"::::"}}'), limits)).toEqual({ a: 1, b: { c: '::::' } });
    for (const text of [
      '{"a":1,"b":2,"c":3,"d":4}',
      '[{"a":1},{"a":1},{"a":1},{"a":1}]',
      '{"a":{"a":{"a":{"a":1}}}}',
    ]) {
      expect(() => parseJsonBody(Buffer.from(text), limits)).toThrow(refused);
    }
  });
});
