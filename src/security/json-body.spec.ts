import { describe, expect, it } from 'vitest';
import { parseFormText } from './form-body.js';
import { parseJsonBody, parseJsonText } from './json-body.js';

const json = (text: string) => parseJsonBody(Buffer.from(text));

describe('a JSON body', () => {
  it.each([
    ['{"a":[1,"ä",null,true]}', { a: [1, 'ä', null, true] }],
    ['  "text" ', 'text'],
    ['null', null],
    ['0', 0],
    ['', undefined],
  ])('is parsed: %s', (text, value) => {
    expect(json(text)).toEqual(value);
  });

  it.each(['{', '{"a":1,}', 'undefined', '\uFEFF{}', '{} {}'])('is rejected if it is not valid JSON: %s', (text) => {
    expect(() => json(text)).toThrow(expect.objectContaining({ code: 'MALFORMED_JSON' }));
  });

  it.each([
    ['a lone continuation', [0x22, 0x80, 0x22]],
    ['a truncated sequence', [0x22, 0xc3, 0x22]],
    ['an overlong slash', [0x22, 0xc0, 0xaf, 0x22]],
    ['a surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
  ])('is rejected if it is not valid UTF-8: %s', (_what, bytes) => {
    expect(() => parseJsonBody(Buffer.from(bytes))).toThrow(expect.objectContaining({ code: 'INVALID_ENCODING' }));
  });

  const nestArrays = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

  it('may be nested 64 levels deep, and is rejected if it is deeper', () => {
    expect(json(nestArrays(64))).toBeInstanceOf(Array);
    expect(() => json(nestArrays(65))).toThrow(expect.objectContaining({ code: 'JSON_TOO_DEEP' }));
    expect(() => json(`{"a":${nestArrays(64)}}`)).toThrow(expect.objectContaining({ code: 'JSON_TOO_DEEP' }));
  });

  it('may have any number of siblings', () => {
    expect(json(`[${Array.from({ length: 500 }, () => '[[]]').join(',')}]`)).toHaveLength(500);
  });

  it.each([String.raw`\"`, String.raw`\\`, '[', '{"'.slice(0, 1), String.raw`\u005b`])(
    'ignores brackets in strings when it counts the depth: %s',
    (text) => {
      expect(json(`["${text.repeat(300)}","[[[["]`)).toHaveLength(2);
    },
  );
});

describe('reserved keys', () => {
  it.each([
    ['{"__proto__":1}', '__proto__'],
    ['{"a":[{"constructor":{"prototype":{}}}]}', 'a.0.constructor.prototype'],
    ['{"constructor":{"x":1,"\\u0070rototype":1}}', 'constructor.prototype'],
    ['[[{"\\u005f_proto__":1}]]', '0.0.__proto__'],
  ])('are rejected in %s', (text, path) => {
    expect(() => json(text)).toThrow(
      expect.objectContaining({
        code: 'VALIDATION_FAILED',
        extensions: { errors: [{ path, code: 'reservedName', message: 'the name is reserved' }] },
      }),
    );
  });

  it.each([
    '{"a":"__proto__"}',
    '{"a":"constructor: prototype"}',
    '{"proto":1,"constructors":1}',
    '{"a":"\\u005f"}',
    '{"constructor":"Ferrari","toString":1,"valueOf":{},"hasOwnProperty":[]}',
    '{"prototype":{"constructor":"x"}}',
    '{"constructor":{"name":"x"},"b":{"prototype":1}}',
  ])('are not found in %s', (text) => {
    const value = json(text);
    expect(JSON.stringify(value)).toBe(JSON.stringify(JSON.parse(text)));
  });

  it('also are those of the option', () => {
    const limits = { jsonDepth: 64, jsonKeys: 100 };
    const parse = (text: string) => parseJsonText(Buffer.from(text), text, limits, new Set(['constructor']));
    expect(() => parse('{"a":{"constructor":1}}')).toThrow(expect.objectContaining({ code: 'VALIDATION_FAILED' }));
    expect(parse('{"toString":1}')).toHaveProperty('toString', 1);
  });
});

describe('a form body', () => {
  it('is parsed flat, with repeated names as arrays', () => {
    expect(parseFormText('a=1&b=x+y&a=2&c[d]=%C3%A4&e', 10)).toEqual({
      a: ['1', '2'],
      b: 'x y',
      'c[d]': 'ä',
      e: '',
    });
  });

  it('is rejected if it has reserved names or too many fields', () => {
    expect(() => parseFormText('%5F_proto__=1', 10)).toThrow(expect.objectContaining({ code: 'VALIDATION_FAILED' }));
    expect(() => parseFormText('a=1&b=2&c=3', 2)).toThrow(expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE' }));
  });
});

describe('a JSON body with many fields', () => {
  const limits = { jsonDepth: 64, jsonKeys: 3 };
  const refused = expect.objectContaining({ code: 'JSON_TOO_MANY_KEYS' });

  it('is rejected over the limit, counting the fields of all objects', () => {
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
