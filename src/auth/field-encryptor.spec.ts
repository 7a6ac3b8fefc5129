import { describe, expect, it } from 'vitest';
import { authSettings } from './auth.options.js';
import { FieldEncryptor } from './field-encryptor.js';
import { signingKey } from './tokens/signing-key.js';

const [first, second] = [
  'first secret of a test, which is long enough',
  'second secret of a test, long enough as well',
];

function encryptor(encryptionKeys: string[], secret = 'a signing secret of a test, which is long enough') {
  const settings = authSettings({ secret, encryptionKeys });
  return new FieldEncryptor(settings, signingKey(settings));
}

describe('what is sealed', () => {
  it('is opened again, and shows nothing of itself', () => {
    const sealed = encryptor([first]).encrypt('a text', 'user:1');
    expect(sealed.toString('latin1')).not.toContain('a text');
    expect(encryptor([first]).decrypt(sealed, 'user:1')).toBe('a text');
  });

  it('is never the same twice', () => {
    const one = encryptor([first]);
    expect(one.encrypt('a text', 'user:1')).not.toEqual(one.encrypt('a text', 'user:1'));
  });

  it('is opened by a key that is no longer the first, and by the derived one from before there was any', () => {
    expect(encryptor([second, first]).decrypt(encryptor([first]).encrypt('a text', 'user:1'), 'user:1')).toBe('a text');
    expect(encryptor([first]).decrypt(encryptor([]).encrypt('a text', 'user:1'), 'user:1')).toBe('a text');
  });

  it('stays closed without its key, and says what to do', () => {
    expect(() => encryptor([second]).decrypt(encryptor([first]).encrypt('a text', 'user:1'), 'user:1')).toThrow(
      /AUTH_ENCRYPTION_KEYS/,
    );
  });

  it('stays closed when it is moved to another owner, or changed', () => {
    const one = encryptor([first]);
    const sealed = one.encrypt('a text', 'user:1');
    expect(() => one.decrypt(sealed, 'user:2')).toThrow(/unable to authenticate/);
    sealed.writeUInt8(sealed.readUInt8(sealed.length - 1) ^ 1, sealed.length - 1);
    expect(() => one.decrypt(sealed, 'user:1')).toThrow(/unable to authenticate/);
  });
});
