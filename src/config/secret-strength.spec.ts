import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { passwordWeaknessOf, weaknessOf } from './secret-strength.js';

describe('a secret', () => {
  it.each([
    ['', 'has 0 bytes, fewer than 32'],
    ['Vw3k9QpXz7RmT2yLcB8nHd5sJfGa4eU', 'has 31 bytes, fewer than 32'],
    ['changeme-Vw3k9QpXz7RmT2yLcB8nHd5sJfGa4eU', 'contains a well-known example value'],
    ['Change_Me! Vw3k9QpXz7RmT2yLcB8nHd5sJfGa4eU', 'contains a well-known example value'],
    ['a-string-secret-at-least-256-bits-long', 'contains a well-known example value'],
    ['DO NOT USE THIS VALUE. INSTEAD, CREATE A COMPLEX SECRET', 'contains a well-known example value'],
    ['django-insecure-0f8a7w3k9qpxz7rmt2ylcb8nhd5s', 'contains a well-known example value'],
    ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'is a shorter text repeated'],
    ['Vw3k9QpXz7Rm'.repeat(3), 'is a shorter text repeated'],
    [`${'Vw3k9QpXz7Rm'.repeat(2)}Vw3k9QpX`, 'is a shorter text repeated'],
    ['abcdefghijklmnopqrstuvwxyz-987654321', 'runs along the alphabet'],
    ['badcabbacddabacdbbcadcabadcbbadcab', 'has too little variety to be random'],
  ])('%j %s', (secret, weakness) => {
    expect(weaknessOf(secret)).toBe(weakness);
  });

  it.each([
    ['base64', 48],
    ['base64url', 24],
    ['hex', 32],
    ['hex', 16],
  ] as const)('is strong if it comes from a random generator: %s of %d bytes', (encoding, bytes) => {
    const secrets = Array.from({ length: 500 }, () => randomBytes(bytes).toString(encoding));
    expect(secrets.filter((secret) => weaknessOf(secret) !== undefined)).toEqual([]);
  });

  it('is strong with 32 bytes, even if it has fewer characters', () => {
    expect(weaknessOf('ÄvÜ3k9QpÖz7RßT2yLcèB8nHd5sJf')).toBeUndefined();
  });
});

describe('a password', () => {
  it.each([
    'password',
    'Password1!',
    'P@ssw0rd123!',
    'Admin1234',
    'ChangeMe!',
    'change-me',
    'super$ecret',
    'qwerty123',
  ])('%j is made of words that are guessed first', (password) => {
    expect(passwordWeaknessOf(password)).toBe('is made of words that are guessed first');
  });

  it.each([
    ['12345678', 'runs along the alphabet'],
    ['87654321', 'runs along the alphabet'],
    ['abcdefgh', 'runs along the alphabet'],
    ['xkxkxkxk', 'is a shorter text repeated'],
  ])('%j %s', (password, weakness) => {
    expect(passwordWeaknessOf(password)).toBe(weakness);
  });

  it.each(['Horatio.Nelson', 'horatio.nelson@navy.example'])('%j is the name of its account', (password) => {
    expect(passwordWeaknessOf(password, 'Horatio.Nelson@navy.example')).toBe('is the name of its account');
  });

  it.each([
    'Wq7-frost-lantern',
    'first of many passwords',
    'a long enough password',
    'admin-Vw3k9QpX',
    '4711-0815-1234-77',
  ])('%j is accepted', (password) => {
    expect(passwordWeaknessOf(password, 'root@example.com')).toBeUndefined();
  });
});
