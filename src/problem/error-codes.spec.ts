import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { codeForStatus, ERROR_CODES, errorCodeTable, problemTypeOf, type ErrorCode } from './error-codes.js';

const codes = Object.keys(ERROR_CODES) as ErrorCode[];

describe('error codes', () => {
  it('are in capitals, with the status of an error and a title', () => {
    for (const code of codes) {
      expect(code).toMatch(/^[A-Z]+(?:_[A-Z]+)*$/);
      expect(ERROR_CODES[code].status).toBeGreaterThanOrEqual(400);
      expect(ERROR_CODES[code].status).toBeLessThan(600);
      expect(ERROR_CODES[code].title).toMatch(/^[A-Z].*[^.]$/);
    }
  });

  it('have a problem type each, and a title each, so that nobody mistakes one for another', () => {
    expect(new Set(codes.map(problemTypeOf)).size).toBe(codes.length);
    expect(new Set(codes.map((code) => ERROR_CODES[code].title)).size).toBe(codes.length);
  });

  it('have types that are URIs', () => {
    for (const code of codes) expect(URL.canParse(problemTypeOf(code))).toBe(true);
    expect(problemTypeOf('RATE_LIMITED')).toBe('https://iana.org/assignments/http-problem-types#quota-exceeded');
  });

  it.each<[number, ErrorCode]>([
    [400, 'BAD_REQUEST'],
    // Not AUTH_TOKEN_MISSING: an exception of the application says no such thing.
    [401, 'AUTH_REQUIRED'],
    [403, 'ACCESS_DENIED'],
    [404, 'NOT_FOUND'],
    [409, 'CONFLICT'],
    [418, 'BAD_REQUEST'],
    [500, 'INTERNAL_ERROR'],
    [599, 'INTERNAL_ERROR'],
  ])('stand for a status that came without one: %i is %s', (status, code) => {
    expect(codeForStatus(status)).toBe(code);
  });

  // `vitest run error-codes -u` writes the table anew.
  it('stand in docs/errors.md as they are here', async () => {
    const page = await readFile('docs/errors.md', 'utf8');
    const wanted = page.replace(/^\| Code [^]*?(?=\n(?!\|))/m, errorCodeTable);
    await expect(wanted).toMatchFileSnapshot('../../docs/errors.md');
  });
});
