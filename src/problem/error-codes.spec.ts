import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { getCodeForStatus, ERROR_CODES, renderErrorCodeTable, getProblemType, type ErrorCode } from './error-codes.js';

const codes = Object.keys(ERROR_CODES) as ErrorCode[];

describe('error codes', () => {
  it('are in upper case and have an error status and a title', () => {
    for (const code of codes) {
      expect(code).toMatch(/^[A-Z]+(?:_[A-Z]+)*$/);
      expect(ERROR_CODES[code].status).toBeGreaterThanOrEqual(400);
      expect(ERROR_CODES[code].status).toBeLessThan(600);
      expect(ERROR_CODES[code].title).toMatch(/^[A-Z].*[^.]$/);
    }
  });

  it('each have a unique problem type and a unique title', () => {
    expect(new Set(codes.map(getProblemType)).size).toBe(codes.length);
    expect(new Set(codes.map((code) => ERROR_CODES[code].title)).size).toBe(codes.length);
  });

  it('have types that are URIs', () => {
    for (const code of codes) expect(URL.canParse(getProblemType(code))).toBe(true);
    expect(getProblemType('RATE_LIMITED')).toBe('https://iana.org/assignments/http-problem-types#quota-exceeded');
  });

  it.each<[number, ErrorCode]>([
    [400, 'BAD_REQUEST'],
    // Not AUTH_TOKEN_MISSING: an exception of the application does not say that a token is missing.
    [401, 'AUTH_REQUIRED'],
    [403, 'ACCESS_DENIED'],
    [404, 'NOT_FOUND'],
    [409, 'CONFLICT'],
    [418, 'BAD_REQUEST'],
    [500, 'INTERNAL_ERROR'],
    [599, 'INTERNAL_ERROR'],
  ])('are derived from the status of an exception without a code: %i is %s', (status, code) => {
    expect(getCodeForStatus(status)).toBe(code);
  });

  // `vitest run error-codes -u` updates the table.
  it('are listed in docs/errors.md', async () => {
    const page = await readFile('docs/errors.md', 'utf8');
    const wanted = page.replace(/^\| Code [^]*?(?=\n(?!\|))/m, renderErrorCodeTable);
    await expect(wanted).toMatchFileSnapshot('../../docs/errors.md');
  });
});
