import { createHmac, randomBytes, type KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { isSameSecret } from '../../common/index.js';
import { derivedKey, SIGNING_KEY, type SigningKey } from '../tokens/signing-key.js';

const NONCE_BYTES = 16;

/**
 * Signed double-submit tokens (OWASP CSRF Prevention Cheat Sheet): a random part, and an HMAC over it and the session.
 * Nothing is stored. A token of one session is worth nothing in another, nor after the next login.
 */
@Injectable()
export class CsrfTokens {
  private readonly key: KeyObject;

  constructor(@Inject(SIGNING_KEY) signingKey: SigningKey) {
    this.key = derivedKey(signingKey, 'bulwark csrf token');
  }

  /**
   * The token that the browser has already, if it is good for the session, so that its pages do not take each other's
   * away; else a new one.
   *
   * @param session id of the session; empty before there is one
   */
  tokenFor(session: string, kept: string | undefined): string {
    return kept !== undefined && this.isOf(session, kept) ? kept : this.issue(session);
  }

  private issue(session: string): string {
    const nonce = randomBytes(NONCE_BYTES).toString('base64url');
    return `${nonce}.${this.mac(session, nonce)}`;
  }

  isOf(session: string, token: string): boolean {
    const [nonce = '', mac = ''] = token.split('.', 2);
    return isSameSecret(mac, this.mac(session, nonce));
  }

  private mac(session: string, nonce: string): string {
    return createHmac('sha256', this.key).update(`${session}.${nonce}`).digest('base64url');
  }
}
