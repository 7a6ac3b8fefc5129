import { describe, expect, it } from 'vitest';
import { encodeRecord, readRecords } from './journal-record.js';

const texts = ['{"a":1}', '{"b":"ü€😀"}', 'x'.repeat(5_000)];
const whole = Buffer.concat(texts.map(encodeRecord));

describe('a segment', () => {
  it('gives back what was written', () => {
    expect(readRecords(whole)).toEqual({ records: texts, damaged: 0, tornBytes: 0 });
    expect(readRecords(Buffer.alloc(0))).toEqual({ records: [], damaged: 0, tornBytes: 0 });
  });

  it('that ends anywhere at all gives back every record before, and never half of one', () => {
    const ends = texts.map((_, i) => Buffer.concat(texts.slice(0, i + 1).map(encodeRecord)).length);
    for (let length = 0; length <= whole.length; length++) {
      const { records, damaged, tornBytes } = readRecords(whole.subarray(0, length));
      const complete = ends.filter((end) => end <= length);
      expect(records).toEqual(texts.slice(0, complete.length));
      expect(damaged).toBe(0);
      expect(tornBytes).toBe(length - (complete.at(-1) ?? 0));
    }
  });

  it.each([
    ['zeros, which the file system has put there', Buffer.alloc(100)],
    ['a length beyond any record', Buffer.from('ffffffff00000000', 'hex')],
    ['a length beyond the file', Buffer.from('0000ffff0000000041', 'hex')],
    ['half a frame', Buffer.from('0000', 'hex')],
  ])('that ends in %s is cut there', (_what, tail) => {
    expect(readRecords(Buffer.concat([whole, tail]))).toEqual({ records: texts, damaged: 0, tornBytes: tail.length });
  });

  it('with a flipped bit in a record loses that record alone', () => {
    for (const at of [8, 12, 8 + texts.join('').length]) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      const { records, damaged } = readRecords(bytes);
      expect(damaged).toBe(1);
      expect(records).toHaveLength(2);
    }
  });
});
