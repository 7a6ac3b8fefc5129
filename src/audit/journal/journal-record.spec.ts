import { describe, expect, it } from 'vitest';
import { encodeRecord, readRecords } from './journal-record.js';

const texts = ['{"a":1}', '{"b":"ü€😀"}', 'x'.repeat(5_000)];
const whole = Buffer.concat(texts.map(encodeRecord));

describe('a segment', () => {
  it('returns the records that were written', () => {
    expect(readRecords(whole)).toEqual({ records: texts, damaged: 0, incompleteBytes: 0 });
    expect(readRecords(Buffer.alloc(0))).toEqual({ records: [], damaged: 0, incompleteBytes: 0 });
  });

  it('that is cut at any byte returns all complete records before it, and no partial record', () => {
    const ends = texts.map((_, i) => Buffer.concat(texts.slice(0, i + 1).map(encodeRecord)).length);
    for (let length = 0; length <= whole.length; length++) {
      const { records, damaged, incompleteBytes } = readRecords(whole.subarray(0, length));
      const complete = ends.filter((end) => end <= length);
      expect(records).toEqual(texts.slice(0, complete.length));
      expect(damaged).toBe(0);
      expect(incompleteBytes).toBe(length - (complete.at(-1) ?? 0));
    }
  });

  it.each([
    ['zeros from the file system', Buffer.alloc(100)],
    ['a length above the maximum of a record', Buffer.from('ffffffff00000000', 'hex')],
    ['a length beyond the end of the file', Buffer.from('0000ffff0000000041', 'hex')],
    ['an incomplete frame', Buffer.from('0000', 'hex')],
  ])('that ends with %s returns the records before it', (_what, tail) => {
    expect(readRecords(Buffer.concat([whole, tail]))).toEqual({
      records: texts,
      damaged: 0,
      incompleteBytes: tail.length,
    });
  });

  it('with a flipped bit in a record loses only that record', () => {
    for (const at of [8, 12, 8 + texts.join('').length]) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      const { records, damaged } = readRecords(bytes);
      expect(damaged).toBe(1);
      expect(records).toHaveLength(2);
    }
  });
});
