import { describe, expect, it } from 'vitest';
import { parseByteSize, parseDuration } from './units.js';

describe('a duration', () => {
  it.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['15m', 900_000],
    ['1.5h', 5_400_000],
    ['7d', 604_800_000],
    ['15 m', 900_000],
    [' 5s ', 5_000],
    ['15M', 900_000],
    ['0s', 0],
  ])('%j is %d milliseconds', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it.each(['15', '0', '1000'])('%j is refused, because it could mean seconds or milliseconds', (text) => {
    expect(() => parseDuration(text)).toThrow(`"${text}" has no unit; write one of ms, s, m, h, d, such as 15m`);
  });

  it.each([
    '',
    ' ',
    '1e3',
    '-1',
    '-5s',
    '+5s',
    '.5s',
    '1.s',
    '1,5s',
    '١٥m',
    '15 minutes',
    '5s5',
    '1h 30m',
    '0x10s',
    'm',
  ])('%j is not a duration', (text) => {
    expect(() => parseDuration(text)).toThrow(RangeError);
    expect(() => parseDuration(text)).toThrow('is not a duration; write a number and a unit');
  });

  it('is refused if its unit is not a unit of time', () => {
    expect(() => parseDuration('5kb')).toThrow('"5kb" has an unknown unit; use one of ms, s, m, h, d');
  });

  it('is refused if it is too large', () => {
    expect(() => parseDuration('999999999999d')).toThrow('is too large to be a duration');
  });
});

describe('a size', () => {
  it.each([
    ['1b', 1],
    ['512kb', 524_288],
    ['1mb', 1_048_576],
    ['1.5MB', 1_572_864],
    ['2 gb', 2_147_483_648],
  ])('%j is %d bytes', (text, bytes) => {
    expect(parseByteSize(text)).toBe(bytes);
  });

  it('is refused without a unit', () => {
    expect(() => parseByteSize('1024')).toThrow('"1024" has no unit; write one of b, kb, mb, gb, such as 1mb');
  });

  it.each(['1m', '1s', '1tb'])('%j is refused, because its unit is not a unit of size', (text) => {
    expect(() => parseByteSize(text)).toThrow('has an unknown unit; use one of b, kb, mb, gb');
  });
});
