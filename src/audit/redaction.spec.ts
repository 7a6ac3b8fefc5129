import { describe, expect, it } from 'vitest';
import { Redaction } from './redaction.js';

const plain = new Redaction({ redact: [], redactEmails: false });
const kept = (metadata: Record<string, unknown>) => JSON.parse(plain.metadata(metadata)) as unknown;
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl';

describe('Redaction of metadata', () => {
  it.each([
    'password',
    'newPassword',
    'PASSWORD_HASH',
    'passphrase',
    'client_secret',
    'Authorization',
    'set-cookie',
    'apiKey',
    'x-api-key',
    'private_key',
    'accessToken',
    'refresh_token',
    'token',
    'otp',
    'pin',
    'cvv',
    'cardNumber',
  ])('removes the value of %s', (name) => {
    expect(plain.metadata({ deep: [{ [name]: 'hunter2' }] })).not.toContain('hunter2');
  });

  it.each(['required', 'reason', 'code', 'tokenCount', 'shipping', 'passed', 'email', 'apiKeyId'])(
    'keeps %s',
    (name) => {
      expect(kept({ [name]: 'kept' })).toEqual({ [name]: 'kept' });
    },
  );

  it.each([
    ['a JWT', `sent ${JWT} again`, JWT],
    ['a JWT cut short', JWT.slice(0, 30), JWT.slice(3, 25)],
    ['a bearer token', 'Authorization: Bearer abcdef0123456789', 'abcdef0123456789'],
    ['a private key', '-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----', 'MIIEvQ'],
    ['a password in a URL', 'postgres://app:hunter2@db/app', 'hunter2'],
  ])('removes %s at any place in a text', (_what, text, secret) => {
    expect(plain.metadata({ note: text })).not.toContain(secret);
    expect(plain.text(text)).not.toContain(secret);
  });

  it('removes the values of configured names, and email addresses if configured', () => {
    const strict = new Redaction({ redact: ['ssn-number'], redactEmails: true });
    expect(JSON.parse(strict.metadata({ ssnNumber: '078', by: 'some.one@example.com' }))).toEqual({
      ssnNumber: '[redacted]',
      by: 's***@example.com',
    });
  });

  it('replaces characters that forge a log line or that PostgreSQL rejects', () => {
    expect(kept({ 'a\nb': 'x\r\n\u0000\u001b[31m\u2028\ud800y' })).toEqual({ 'a?b': 'x????[31m?\ufffdy' });
  });

  it('replaces characters that change the direction of text', () => {
    expect(kept({ file: 'invoice\u202Efdp.exe\u2066' })).toEqual({ file: 'invoice?fdp.exe?' });
  });

  it('limits metadata that are long, wide, deep or circular', () => {
    const circular: Record<string, unknown> = {};
    for (let i = 0; i < 50; i++) circular[`n${i}`] = circular;
    for (const metadata of [
      { text: 'x'.repeat(1_000_000) },
      { list: Array.from({ length: 100_000 }, () => 'x'.repeat(1_000)) },
      circular,
    ]) {
      expect(plain.metadata(metadata).length).toBeLessThan(20_000);
    }
  });

  it('writes valid JSON for every type of value', () => {
    const date = new Date(0);
    expect(kept({ big: 2n ** 70n, date, nan: NaN, none: undefined, fn: () => 1, invalid: new Date(NaN) })).toEqual({
      big: '1180591620717411303424',
      date: '1970-01-01T00:00:00.000Z',
      nan: 'NaN',
      invalid: null,
    });
  });

  it('treats names that objects inherit as ordinary names', () => {
    expect(plain.metadata(JSON.parse('{"__proto__":{"a":1},"constructor":2}'))).toBe(
      '{"__proto__":{"a":1},"constructor":2}',
    );
  });
});
