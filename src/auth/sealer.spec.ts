import { describe, expect, it } from 'vitest';
import { authSettings } from './auth.options.js';
import { Sealer } from './sealer.js';
import { signingKey } from './tokens/signing-key.js';

const [first, second] = [
  'first secret of a test, which is long enough',
  'second secret of a test, long enough as well',
];

function sealer(encryptionKeys: string[], secret = 'a signing secret of a test, which is long enough') {
  const settings = authSettings({ secret, encryptionKeys });
  return new Sealer(settings, signingKey(settings));
}

describe('what is sealed', () => {
  it('is opened again, and shows nothing of itself', () => {
    const sealed = sealer([first]).seal('a text', 'user:1');
    expect(sealed.toString('latin1')).not.toContain('a text');
    expect(sealer([first]).open(sealed, 'user:1')).toBe('a text');
  });

  it('is never the same twice', () => {
    const one = sealer([first]);
    expect(one.seal('a text', 'user:1')).not.toEqual(one.seal('a text', 'user:1'));
  });

  it('is opened by a key that is no longer the first, and by the derived one from before there was any', () => {
    expect(sealer([second, first]).open(sealer([first]).seal('a text', 'user:1'), 'user:1')).toBe('a text');
    expect(sealer([first]).open(sealer([]).seal('a text', 'user:1'), 'user:1')).toBe('a text');
  });

  it('stays closed without its key, and says what to do', () => {
    expect(() => sealer([second]).open(sealer([first]).seal('a text', 'user:1'), 'user:1')).toThrow(
      /AUTH_ENCRYPTION_KEYS/,
    );
  });

  it('stays closed when it is moved to another owner, or changed', () => {
    const one = sealer([first]);
    const sealed = one.seal('a text', 'user:1');
    expect(() => one.open(sealed, 'user:2')).toThrow(/unable to authenticate/);
    sealed.writeUInt8(sealed.readUInt8(sealed.length - 1) ^ 1, sealed.length - 1);
    expect(() => one.open(sealed, 'user:1')).toThrow(/unable to authenticate/);
  });
});
