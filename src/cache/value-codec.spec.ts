import { describe, expect, it } from 'vitest';
import { keyText } from './cache-key.js';
import { decode, encode } from './value-codec.js';

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

  it('is JSON where JSON can say it', () => {
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

  it('is not made of what cannot be told apart', () => {
    expect(keyText([new Map()])).toBeUndefined();
    expect(keyText([() => 1])).toBeUndefined();
  });
});

function cycle(): object {
  const value: Record<string, unknown> = {};
  value['self'] = value;
  return value;
}
