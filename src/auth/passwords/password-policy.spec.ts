import { describe, expect, it } from 'vitest';
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
