import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { AUTH_SETTINGS, type AuthSettings } from './auth.options.js';
import { derivedKey, SIGNING_KEY, type SigningKey } from './tokens/signing-key.js';

const CIPHER = 'aes-256-gcm';
const PURPOSE = 'bulwark sealed data';
/** Layout of what is sealed: name of the key, nonce, tag, text. */
const NAME_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = NAME_BYTES + NONCE_BYTES + TAG_BYTES;

interface NamedKey {
  readonly name: Buffer;
  readonly key: KeyObject;
}

/** Encrypts values that are read again, so that a copy of the database does not show them. */
@Injectable()
export class FieldEncryptor {
  private readonly current: NamedKey;
  private readonly keys: readonly NamedKey[];

  constructor(
    @Inject(AUTH_SETTINGS) { encryptionKeys = [] }: AuthSettings,
    @Inject(SIGNING_KEY) signingKey: SigningKey,
  ) {
    const own = encryptionKeys.map((secret) =>
      createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', PURPOSE, 32))),
    );
    // The derived one stays among them, so that a key of its own can be set at any time.
    const [first, ...others] = [...own, derivedKey(signingKey, PURPOSE)].map(named);
    this.current = first as NamedKey;
    this.keys = [this.current, ...others];
  }

  /** @param owner what the text belongs to; it can be decrypted only with the same owner */
  encrypt(text: string, owner: string): Buffer {
    const { name, key } = this.current;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(owner));
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([name, nonce, cipher.getAuthTag(), body]);
  }

  /** @throws Error where the key is unknown, or the text was changed or has another owner */
  decrypt(sealed: Buffer, owner: string): string {
    const known = this.keys.find(({ name }) => name.equals(sealed.subarray(0, NAME_BYTES)));
    if (!known) throw new Error('It was encrypted with a key that is not known. Add that one to AUTH_ENCRYPTION_KEYS');
    const decipher = createDecipheriv(CIPHER, known.key, sealed.subarray(NAME_BYTES, NAME_BYTES + NONCE_BYTES))
      .setAAD(Buffer.from(owner))
      .setAuthTag(sealed.subarray(HEAD_BYTES - TAG_BYTES, HEAD_BYTES));
    return Buffer.concat([decipher.update(sealed.subarray(HEAD_BYTES)), decipher.final()]).toString('utf8');
  }
}

function named(key: KeyObject): NamedKey {
  return { key, name: createHash('sha256').update(key.export()).digest().subarray(0, NAME_BYTES) };
}
