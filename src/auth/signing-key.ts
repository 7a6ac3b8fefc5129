import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';
import type { AuthSettings } from './auth.options.js';

/**
 * The key of access tokens, imported once. Handed over as text, jsonwebtoken would try to read it as a public key at
 * every verification, which costs several times what the verification itself does.
 */
export interface SigningKey {
  readonly algorithm: 'HS256' | 'ES256';
  readonly sign: KeyObject;
  readonly verify: KeyObject;
}

export const SIGNING_KEY = Symbol('bulwark.signingKey');

/** @throws Error when the settings name no key, or two */
export function signingKey({ secret, privateKey }: AuthSettings): SigningKey {
  if ((secret === undefined) === (privateKey === undefined)) {
    throw new Error('AuthModule needs one of the options "secret" and "privateKey"');
  }
  if (privateKey !== undefined) {
    const sign = createPrivateKey(privateKey);
    return { algorithm: 'ES256', sign, verify: createPublicKey(sign) };
  }
  const key = createSecretKey(Buffer.from(secret ?? ''));
  return { algorithm: 'HS256', sign: key, verify: key };
}
