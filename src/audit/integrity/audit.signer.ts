import { createHmac, createPrivateKey, createPublicKey, hash, sign, verify, type KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { isSameSecret } from '../../common/index.js';
import { AUDIT_SETTINGS, type AuditSettings } from '../audit.options.js';
import { NO_SECRET } from './seal-keys.js';

/** A signature and the id of its key. Both are empty if there is no key. */
export interface Signature {
  readonly keyId: string;
  readonly signature: string;
}

type Check = (text: string, signature: string) => boolean;

/**
 * Signs digests and checkpoints, with Ed25519 (RFC 8032) or with HMAC. An Ed25519 signature can be verified with the
 * public key. The HMAC key is derived from the seal secret. Old keys still verify.
 */
@Injectable()
export class AuditSigner {
  private readonly current: (text: string) => Signature;
  private readonly checks = new Map<string, Check>();

  /** @throws Error if a key is not an Ed25519 key */
  constructor(@Inject(AUDIT_SETTINGS) settings: Pick<AuditSettings, SigningSetting>) {
    const { signingKey, oldSigningKeys, sealSecret, oldSealSecrets } = settings;
    for (const pem of oldSigningKeys) this.addPublic(createPublicKey(pem));
    const secrets = oldSealSecrets.filter((secret) => secret !== NO_SECRET).map((secret) => this.addSecret(secret));
    const byHmac = sealSecret === undefined ? undefined : this.addSecret(sealSecret);
    const allowsUnsigned =
      secrets.length < oldSealSecrets.length || (sealSecret === undefined && signingKey === undefined);
    if (allowsUnsigned) this.checks.set('', (_text, signature) => signature === '');
    this.current = signingKey === undefined ? (byHmac ?? unsigned) : this.addPrivate(createPrivateKey(signingKey));
  }

  sign(text: string): Signature {
    return this.current(text);
  }

  verify(text: string, { keyId, signature }: Signature): boolean {
    return this.checks.get(keyId)?.(text, signature) ?? false;
  }

  private addPrivate(key: KeyObject): (text: string) => Signature {
    const keyId = this.addPublic(createPublicKey(key));
    return (text) => ({ keyId, signature: sign(null, Buffer.from(text), key).toString('base64') });
  }

  private addPublic(key: KeyObject): string {
    if (key.asymmetricKeyType !== 'ed25519') {
      throw new Error(
        'a key of the audit trail is not an Ed25519 key; create one with: openssl genpkey -algorithm ed25519',
      );
    }
    const keyId = `ed25519:${hash('sha256', key.export({ type: 'spki', format: 'der' }), 'hex').slice(0, 16)}`;
    this.checks.set(keyId, (text, signature) => verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64')));
    return keyId;
  }

  private addSecret(secret: string): (text: string) => Signature {
    const derived = createHmac('sha256', secret).update('nest-bulwark audit signature').digest();
    const keyId = `hmac-sha256:${hash('sha256', derived, 'hex').slice(0, 16)}`;
    const mac = (text: string) => createHmac('sha256', derived).update(text).digest('base64');
    this.checks.set(keyId, (text, signature) => isSameSecret(mac(text), signature));
    return (text) => ({ keyId, signature: mac(text) });
  }
}

type SigningSetting = 'signingKey' | 'oldSigningKeys' | 'sealSecret' | 'oldSealSecrets';

const unsigned = (): Signature => ({ keyId: '', signature: '' });
