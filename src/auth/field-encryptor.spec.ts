import { describe, expect, it } from 'vitest';
import { authSettings } from './auth.options.js';
import { FieldEncryptor } from './field-encryptor.js';
import { loadSigningKey } from './tokens/signing-key.js';

const [first, second] = [
  'first secret of a test, which is long enough',
  'second secret of a test, long enough as well',
];

function encryptor(encryptionKeys: string[], secret = 'a signing secret of a test, which is long enough') {
  const settings = authSettings({ secret, encryptionKeys });
  return new FieldEncryptor(settings, loadSigningKey(settings));
}

describe('FieldEncryptor', () => {
  it('decrypts an encrypted text, which is not visible in the ciphertext', () => {
    const encrypted = encryptor([first]).encrypt('a text', 'user:1');
    expect(encrypted.toString('latin1')).not.toContain('a text');
    expect(encryptor([first]).decrypt(encrypted, 'user:1')).toBe('a text');
  });

  it('encrypts the same text differently each time', () => {
    const one = encryptor([first]);
    expect(one.encrypt('a text', 'user:1')).not.toEqual(one.encrypt('a text', 'user:1'));
  });

  it('decrypts with a previous key, and with the derived key that was used before any key was set', () => {
    expect(encryptor([second, first]).decrypt(encryptor([first]).encrypt('a text', 'user:1'), 'user:1')).toBe('a text');
    expect(encryptor([first]).decrypt(encryptor([]).encrypt('a text', 'user:1'), 'user:1')).toBe('a text');
  });

  it('fails without the key, and names the setting', () => {
    expect(() => encryptor([second]).decrypt(encryptor([first]).encrypt('a text', 'user:1'), 'user:1')).toThrow(
      /AUTH_ENCRYPTION_KEYS/,
    );
  });

  it('fails with another owner, and after a modification', () => {
    const one = encryptor([first]);
    const encrypted = one.encrypt('a text', 'user:1');
    expect(() => one.decrypt(encrypted, 'user:2')).toThrow(/unable to authenticate/);
    encrypted.writeUInt8(encrypted.readUInt8(encrypted.length - 1) ^ 1, encrypted.length - 1);
    expect(() => one.decrypt(encrypted, 'user:1')).toThrow(/unable to authenticate/);
  });
});
