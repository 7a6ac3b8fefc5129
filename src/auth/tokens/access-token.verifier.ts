import { Inject, Injectable } from '@nestjs/common';
import { RecentMap } from '../recent-map.js';
import type { ErrorCode } from '../../problem/index.js';
import type { Principal } from '../../context/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { ACCESS_TOKEN_TYPE } from './access-token.service.js';
import type { VerificationKey } from './jws.js';
import { SIGNING_KEY, type SigningKey } from './signing-key.js';

/** Why a token is not accepted: the code for the client, and the reason for the audit trail. */
export class TokenFault {
  private constructor(
    readonly code: ErrorCode,
    readonly reason: string,
  ) {}

  static readonly notCompact = new TokenFault('AUTH_TOKEN_MALFORMED', 'not three parts, or too long');
  static readonly header = new TokenFault('AUTH_TOKEN_MALFORMED', 'the header is no JSON object');
  static readonly claims = new TokenFault('AUTH_TOKEN_MALFORMED', 'the claims are no JSON object');
  static readonly type = new TokenFault('AUTH_TOKEN_INVALID', 'typ is not that of an access token');
  static readonly critical = new TokenFault('AUTH_TOKEN_INVALID', 'crit names an extension');
  static readonly key = new TokenFault('AUTH_TOKEN_INVALID', 'kid names no key of ours');
  static readonly algorithm = new TokenFault('AUTH_TOKEN_INVALID', 'alg is not that of the key');
  static readonly signature = new TokenFault('AUTH_TOKEN_INVALID', 'the signature is wrong');
  static readonly claimTypes = new TokenFault('AUTH_TOKEN_INVALID', 'a claim is missing or of a wrong type');
  static readonly early = new TokenFault('AUTH_TOKEN_INVALID', 'not valid yet');
  static readonly issuer = new TokenFault('AUTH_TOKEN_WRONG_ISSUER', 'another issuer');
  static readonly audience = new TokenFault('AUTH_TOKEN_WRONG_AUDIENCE', 'another audience');
  static readonly expired = new TokenFault('AUTH_TOKEN_EXPIRED', 'expired');
}

/** What a token says, once its signature has been checked. */
export interface VerifiedToken {
  readonly principal: Principal;
  readonly expiresAtMs: number;
}

interface CachedToken {
  readonly token: string;
  readonly verified: VerifiedToken;
}

/** Longer than any token that is issued here; a limit to the work that a made-up one causes. */
const MAX_TOKEN_BYTES = 8_192;
/** Spellings of the header that stood in a good token; every key issues one. */
const KNOWN_HEADERS = 32;

/**
 * Checks signature, algorithm, type, issuer, audience and time of access tokens (RFC 8725, RFC 9068), without a wait.
 *
 * Tokens that were found good are remembered, unless that is switched off. What may change while a token stays the same
 * is not: the time is looked at each time, and so is the session, by the guard.
 */
@Injectable()
export class AccessTokenVerifier {
  /** Headers repeat, so that each is taken apart once. */
  private readonly headers = new RecentMap<string, VerificationKey>(KNOWN_HEADERS);
  private readonly known: RecentMap<string, CachedToken> | undefined;

  constructor(
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Inject(SIGNING_KEY) private readonly key: SigningKey,
  ) {
    if (settings.tokenCacheSize > 0) this.known = new RecentMap(settings.tokenCacheSize);
  }

  verify(token: string): VerifiedToken | TokenFault {
    const claimsAt = token.indexOf('.') + 1;
    const signatureAt = token.lastIndexOf('.') + 1;
    // By the signature, which is the shortest text that tells tokens apart; the whole is then compared.
    const signature = token.slice(signatureAt);
    const cached = this.known?.get(signature);
    if (cached?.token === token) return this.timely(cached.verified);

    if (claimsAt === 0 || token.indexOf('.', claimsAt) + 1 !== signatureAt || token.length > MAX_TOKEN_BYTES) {
      return TokenFault.notCompact;
    }
    const header = token.slice(0, claimsAt - 1);
    const knownKey = this.headers.get(header);
    const key = knownKey ?? this.keyOf(header);
    if (key instanceof TokenFault) return key;
    if (!key.hasSigned(token.slice(0, signatureAt - 1), signature)) return TokenFault.signature;
    if (!knownKey) this.headers.set(header, key);
    const verified = this.read(token.slice(claimsAt, signatureAt - 1));
    if (verified instanceof TokenFault) return verified;
    this.known?.set(signature, { token, verified });
    return verified;
  }

  private timely(verified: VerifiedToken): VerifiedToken | TokenFault {
    return verified.expiresAtMs > Date.now() ? verified : TokenFault.expired;
  }

  private keyOf(encoded: string): VerificationKey | TokenFault {
    const header = decoded(encoded);
    if (!header) return TokenFault.header;
    if (header['typ'] !== ACCESS_TOKEN_TYPE) return TokenFault.type;
    if ('crit' in header) return TokenFault.critical;
    // Only a name among ours: keys and addresses of keys in a token are never looked at.
    const key = this.key.verifierOf(header['kid']);
    if (!key) return TokenFault.key;
    return header['alg'] === key.algorithm ? key : TokenFault.algorithm;
  }

  private read(encoded: string): VerifiedToken | TokenFault {
    const claims = decoded(encoded);
    if (!claims) return TokenFault.claims;
    const { iss, aud, exp, nbf, sub, sid, email, roles, tenant, auth_time: authTime, amr } = claims;
    const { issuer, audience } = this.settings;
    if (iss !== issuer) return TokenFault.issuer;
    if (aud !== audience && !(Array.isArray(aud) && aud.includes(audience))) return TokenFault.audience;
    if (!isTime(exp) || (nbf !== undefined && !isTime(nbf))) return TokenFault.claimTypes;
    if (!isText(sub) || !isText(sid) || !isText(email) || !isTexts(roles)) return TokenFault.claimTypes;
    if (tenant !== undefined && !isText(tenant)) return TokenFault.claimTypes;
    const now = Date.now();
    if (exp * 1000 <= now) return TokenFault.expired;
    if (nbf !== undefined && nbf * 1000 > now) return TokenFault.early;
    if ((authTime !== undefined && !isTime(authTime)) || (amr !== undefined && !isTexts(amr)))
      return TokenFault.claimTypes;
    const principal = {
      id: sub,
      email,
      roles,
      sessionId: sid,
      ...(tenant !== undefined && { tenantId: tenant }),
      ...(authTime !== undefined && { authenticatedAtMs: authTime * 1000 }),
      ...(amr !== undefined && { methods: amr }),
    };
    return { principal, expiresAtMs: exp * 1000 };
  }
}

/** Where parts of tokens are decoded, one after the other; all of them fit in. */
const scratch = Buffer.alloc(MAX_TOKEN_BYTES);

/** The JSON object in a part of a token; undefined for anything else. */
function decoded(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(scratch.toString('utf8', 0, scratch.write(part, 'base64url')));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
