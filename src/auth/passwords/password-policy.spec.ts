import { describe, expect, it } from 'vitest';
import { COMMON_PASSWORDS } from './common-passwords.js';
import { findPasswordWeakness } from './password-policy.js';

const context = { email: 'marguerite@example.com', name: 'Marguerite Duras', appName: 'nest-bulwark' };

describe('findPasswordWeakness', () => {
  it.each(['Test123!', 'correct horse battery', 'ünïcödé pass', 'nospecialsigns', '🐎🔋🐎🔋🐎🔋🐎🔋'])(
    '%s is accepted',
    (password) => {
      expect(findPasswordWeakness(password, 'standard', context)).toBeUndefined();
    },
  );

  it.each([
    ['seven characters', 'seven77', 'passwordLength'],
    ['four characters in eight UTF-16 units', '🐎🔋🐎🔋', 'passwordLength'],
    ['a common password', 'password123', 'passwordCommon'],
    ['a common password in other letter case', 'PassWord123', 'passwordCommon'],
    ['one repeated character', 'zzzzzzzzzzzz', 'passwordCommon'],
    ['the email', 'marguerite@example.com', 'passwordContext'],
    ['the first part of the email', 'MARGUERITE', 'passwordContext'],
    ['the name', 'margueriteduras', 'passwordContext'],
    ['the name of the application', 'nest-bulwark', 'passwordContext'],
  ])('refuses %s', (_what, password, code) => {
    expect(findPasswordWeakness(password, 'standard', context)?.code).toBe(code);
  });

  it.each([
    ['fourteen characters', 'fourteen chars', 'passwordLength'],
    ['a common password with digits and symbols around it', '!!!correcthorsebatterystaple123', 'passwordCommon'],
    ['the name with digits and symbols after it', 'Marguerite Duras 2026!', 'passwordContext'],
  ])('refuses in the strict profile: %s', (_what, password, code) => {
    expect(findPasswordWeakness(password, 'strict', context)?.code).toBe(code);
    expect(findPasswordWeakness(password, 'standard', context)).toBeUndefined();
  });
});

describe('the list of common passwords', () => {
  it('has more than the 3,000 entries that ASVS 6.2.4 requires, all long enough for the policy', () => {
    expect(COMMON_PASSWORDS.size).toBeGreaterThan(10_000);
    for (const password of COMMON_PASSWORDS) expect(password).toMatch(/^[^{}\s]{8,}$/);
  });

  // Samples from the whole list of 10,000, including its end.
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
  ])('contains %s', (password) => {
    expect(COMMON_PASSWORDS.has(password)).toBe(true);
  });
});
