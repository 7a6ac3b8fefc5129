import { expect, it } from 'vitest';
import { contentCoding, HAS_ZSTD } from './content-coding.js';

it.each([
  ['gzip, deflate, br', 'br'],
  ['gzip;q=1.0, br;q=0.8', 'gzip'],
  ['gzip ; q=0.2 , br ; q=0.2', 'br'],
  ['*;q=0.1, gzip;q=0', HAS_ZSTD ? 'zstd' : 'br'],
  ['identity;q=0', 'identity'],
  ['identity;q=1, *;q=0.5', 'identity'],
  ['br;q=2;q=0', 'br'],
  [',;,=;q', 'identity'],
])('reads %s as %s, the second time from memory', (header, coding) => {
  expect([contentCoding(header), contentCoding(header)]).toEqual([coding, coding]);
});

it('goes on when there are more headers than it remembers', () => {
  for (let i = 0; i < 1000; i++) expect(contentCoding(`made-up-${i}, gzip`)).toBe('gzip');
  expect(contentCoding('br')).toBe('br');
});
