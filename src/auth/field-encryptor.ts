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
import { deriveKey, SIGNING_KEY, type SigningKey } from './tokens/signing-key.js';

const CIPHER = 'aes-256-gcm';
const PURPOSE = 'bulwark encrypted fields';
/** Layout of an encrypted value: key id, nonce, tag, ciphertext. */
const KEY_ID_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = KEY_ID_BYTES + NONCE_BYTES + TAG_BYTES;

interface EncryptionKey {
  readonly id: Buffer;
  readonly key: KeyObject;
}

/** Encrypts values before they are stored, so a copy of the database does not reveal them. */
@Injectable()
export class FieldEncryptor {
  private readonly current: EncryptionKey;
  private readonly keys: readonly EncryptionKey[];

  constructor(
    @Inject(AUTH_SETTINGS) { encryptionKeys = [] }: AuthSettings,
    @Inject(SIGNING_KEY) signingKey: SigningKey,
  ) {
    const configuredKeys = encryptionKeys.map((secret) =>
      createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', PURPOSE, 32))),
    );
    // The derived key can always decrypt. So `encryptionKeys` can be set later without losing existing values.
    const [first, ...others] = [...configuredKeys, deriveKey(signingKey, PURPOSE)].map(withKeyId);
    this.current = first as EncryptionKey;
    this.keys = [this.current, ...others];
  }

  /** @param owner name of the record that the text belongs to; decryption requires the same owner */
  encrypt(text: string, owner: string): Buffer {
    const { id, key } = this.current;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(owner));
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([id, nonce, cipher.getAuthTag(), body]);
  }

  /** @throws Error if the key is unknown, or if the value was modified or has another owner */
  decrypt(encrypted: Buffer, owner: string): string {
    const match = this.keys.find(({ id }) => id.equals(encrypted.subarray(0, KEY_ID_BYTES)));
    if (!match) throw new Error('The value was encrypted with an unknown key. Add the old key to AUTH_ENCRYPTION_KEYS');
    const decipher = createDecipheriv(CIPHER, match.key, encrypted.subarray(KEY_ID_BYTES, KEY_ID_BYTES + NONCE_BYTES))
      .setAAD(Buffer.from(owner))
      .setAuthTag(encrypted.subarray(HEADER_BYTES - TAG_BYTES, HEADER_BYTES));
    return Buffer.concat([decipher.update(encrypted.subarray(HEADER_BYTES)), decipher.final()]).toString('utf8');
  }
}

function withKeyId(key: KeyObject): EncryptionKey {
  return { key, id: createHash('sha256').update(key.export()).digest().subarray(0, KEY_ID_BYTES) };
}
