import { createHmac, randomBytes, type KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { isSameSecret } from '../../common/index.js';
import { deriveKey, SIGNING_KEY, type SigningKey } from '../tokens/signing-key.js';

const NONCE_BYTES = 16;

/**
 * Signed double-submit tokens (OWASP CSRF Prevention Cheat Sheet): a nonce, and an HMAC over session and nonce. Nothing is
 * stored. A token is valid only for its session, so it is invalid after the next login.
 */
@Injectable()
export class CsrfTokens {
  private readonly key: KeyObject;

  constructor(@Inject(SIGNING_KEY) signingKey: SigningKey) {
    this.key = deriveKey(signingKey, 'bulwark csrf token');
  }

  /**
   * Returns the current token of the browser if it is valid for the session, and a new token otherwise. So the pages of
   * one browser share a token and do not invalidate each other's.
   *
   * @param sessionId id of the session; empty if there is no session
   */
  reuseOrIssue(sessionId: string, current: string | undefined): string {
    return current !== undefined && this.isValidFor(sessionId, current) ? current : this.issue(sessionId);
  }

  private issue(sessionId: string): string {
    const nonce = randomBytes(NONCE_BYTES).toString('base64url');
    return `${nonce}.${this.computeMac(sessionId, nonce)}`;
  }

  isValidFor(sessionId: string, token: string): boolean {
    const [nonce = '', mac = ''] = token.split('.', 2);
    return isSameSecret(mac, this.computeMac(sessionId, nonce));
  }

  private computeMac(sessionId: string, nonce: string): string {
    return createHmac('sha256', this.key).update(`${sessionId}.${nonce}`).digest('base64url');
  }
}
