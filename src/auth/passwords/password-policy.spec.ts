import { describe, expect, it } from 'vitest';
import { COMMON_PASSWORDS } from './common-passwords.js';
import { passwordWeakness } from './password-policy.js';

const context = { email: 'marguerite@example.com', name: 'Marguerite Duras', appName: 'nest-bulwark' };

describe('a password', () => {
  it.each(['Test123!', 'correct horse battery', 'ünïcödé pass', 'nospecialsigns', '🐎🔋🐎🔋🐎🔋🐎🔋'])(
    'may be %s',
    (password) => {
      expect(passwordWeakness(password, 'standard', context)).toBeUndefined();
    },
  );

  it.each([
    ['seven', 'seven77', 'passwordLength'],
    ['four signs that are eight UTF-16 units', '🐎🔋🐎🔋', 'passwordLength'],
    ['a common one', 'password123', 'passwordCommon'],
    ['a common one in other letter case', 'PassWord123', 'passwordCommon'],
    ['one character again and again', 'zzzzzzzzzzzz', 'passwordCommon'],
    ['the email', 'marguerite@example.com', 'passwordContext'],
    ['its first part', 'MARGUERITE', 'passwordContext'],
    ['the name', 'margueriteduras', 'passwordContext'],
    ['the application', 'nest-bulwark', 'passwordContext'],
  ])('may not be %s', (_what, password, code) => {
    expect(passwordWeakness(password, 'standard', context)?.code).toBe(code);
  });

  it.each([
    ['fourteen characters', 'fourteen chars', 'passwordLength'],
    ['a common one with ornaments', '!!!correcthorsebatterystaple123', 'passwordCommon'],
    ['the name with ornaments', 'Marguerite Duras 2026!', 'passwordContext'],
  ])('in the strict profile may not be %s', (_what, password, code) => {
    expect(passwordWeakness(password, 'strict', context)?.code).toBe(code);
    expect(passwordWeakness(password, 'standard', context)).toBeUndefined();
  });
});

describe('the list of common passwords', () => {
  it('holds more than the three thousand of ASVS 6.2.4, all of a length that the policy allows', () => {
    expect(COMMON_PASSWORDS.size).toBeGreaterThan(10_000);
    for (const password of COMMON_PASSWORDS) expect(password).toMatch(/^[^{}\s]{8,}$/);
  });

  // From all over the 10,000 of the source, its end included.
  it.each([
    '123456789',
    '1q2w3e4r5t',
    'iloveyou1',
    'qwertyuiop',
    'babygirl1',
    'princess12',
    'trustno1',
    'liverpool1',
    '11111111',
    'zxcvbnm123',
    'football12',
    'superman1',
    '1qaz2wsx3edc',
    'hellokitty',
    'a12345678',
    'cocacola1',
    'marlboro1',
    'slipknot6',
    '789654123',
    'nintendo64',
    'fuckyou22',
    'evangelion',
    'teddybear1',
    'xxxxxxxx',
    'mazdarx7',
    'summer2010',
    'password77',
    'kawasaki1',
    'tennessee1',
    'pokerface',
  ])('has %s', (password) => {
    expect(COMMON_PASSWORDS.has(password)).toBe(true);
  });
});
