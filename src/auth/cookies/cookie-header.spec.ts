import { parseCookieHeader } from '@nestjs/core/helpers/cookies/parse-cookie-header.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCookie } from './cookie-header.js';

describe('readCookie', () => {
  const piece = fc.constantFrom(
    '__Host-a',
    '__Host-a=',
    'x',
    '=',
    ';',
    ' ',
    '\t',
    '\u00a0',
    'value',
    '__Host-ab=1',
    '; ',
  );
  const header = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));

  it('finds the same value as Nest, unless the cookie occurs twice', () => {
    fc.assert(
      fc.property(header, (text) => {
        const found = readCookie(text, '__Host-a');
        const times = text.split(';').filter((pair) => /^[ \t]*__Host-a[ \t]*=/.test(pair)).length;
        expect(found).toBe(times === 1 ? parseCookieHeader(text)['__Host-a'] : undefined);
      }),
      { numRuns: 2_000 },
    );
  });
});
