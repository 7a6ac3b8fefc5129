import { describe, expect, it } from 'vitest';
import { keyText } from './cache-key.js';
import { copyOf, decode, encode } from './value-codec.js';

describe('a stored value', () => {
  it.each([
    ['text', 'ä"\n'],
    ['numbers', [0, 1.5, -3]],
    ['nothing', null],
    ['objects', { a: { b: [true, null] } }],
    ['dates', { at: new Date(5) }],
    ['undefined', { a: undefined }],
    ['numbers that JSON does not know', [Number.NaN, Number.POSITIVE_INFINITY, -0]],
    ['big integers', 10n ** 30n],
    ['maps and sets', new Map([['a', new Set([1])]])],
    ['bytes', Buffer.from('abc')],
  ])('comes back as what it was: %s', (_what, value) => {
    expect(decode(encode(value))).toEqual(value);
  });

  it.each(['{"a":{"b":[1,[],{}]},"c":null}', '[[1],{"__proto__":{"x":1}},"text"]', '"text"', '0', 'null'])(
    'is copied so that a change of the copy is none of it: %s',
    (text) => {
      const value: unknown = JSON.parse(text);
      const copy = copyOf(value);
      expect(JSON.stringify(copy)).toBe(text);
      mutate(copy);
      expect(JSON.stringify(value)).toBe(text);
    },
  );

  it('is JSON if JSON can represent it', () => {
    expect(encode({ a: [1] })).toBe('j{"a":[1]}');
  });

  class User {
    password = 'secret';
  }

  it.each([
    ['an instance of User', { users: [new User()] }],
    ['a function', { a: () => 1 }],
    ['cyclic', cycle()],
  ])('is refused where it would come back as something else: %s', (why, value) => {
    expect(() => encode(value)).toThrow(why);
  });
});

describe('a key', () => {
  it('is the same for equal arguments and differs for others', () => {
    expect(keyText([{ a: 1, b: 2 }])).toBe(keyText([{ b: 2, a: 1 }]));
    const different = [[1], ['1'], [1n], [null], [undefined], [[]], [{}], ['a', 'b'], ['a,b'], [new Date(1)]];
    expect(new Set(different.map((value) => keyText(value))).size).toBe(different.length);
  });

  it('is undefined for values that cannot be compared', () => {
    expect(keyText([new Map()])).toBeUndefined();
    expect(keyText([() => 1])).toBeUndefined();
  });
});

function mutate(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const inner of Object.values(value)) mutate(inner);
  Object.assign(value, { changed: true });
}

function cycle(): object {
  const value: Record<string, unknown> = {};
  value['self'] = value;
  return value;
}
