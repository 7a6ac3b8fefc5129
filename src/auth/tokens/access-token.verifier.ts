import { Inject, Injectable } from '@nestjs/common';
import { LruMap } from '../lru-map.js';
import type { ErrorCode } from '../../problem/index.js';
import type { Principal } from '../../context/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { ACCESS_TOKEN_TYPE } from './access-token.service.js';
import type { VerificationKey } from './jws.js';
import { SIGNING_KEY, type SigningKey } from './signing-key.js';

/** Why a token is refused: the code for the client, and the reason for the audit trail. */
export class TokenFault {
  private constructor(
    readonly code: ErrorCode,
    readonly reason: string,
  ) {}

  static readonly notCompact = new TokenFault(
    'AUTH_TOKEN_MALFORMED',
    'the token does not have three parts, or is too long',
  );
  static readonly malformedHeader = new TokenFault('AUTH_TOKEN_MALFORMED', 'the header is not a JSON object');
  static readonly malformedClaims = new TokenFault('AUTH_TOKEN_MALFORMED', 'the claims are not a JSON object');
  static readonly type = new TokenFault('AUTH_TOKEN_INVALID', 'typ is not at+jwt');
  static readonly critical = new TokenFault('AUTH_TOKEN_INVALID', 'crit is not supported');
  static readonly key = new TokenFault('AUTH_TOKEN_INVALID', 'kid is unknown');
  static readonly algorithm = new TokenFault('AUTH_TOKEN_INVALID', 'alg is not the algorithm of the key');
  static readonly signature = new TokenFault('AUTH_TOKEN_INVALID', 'the signature is wrong');
  static readonly claimTypes = new TokenFault('AUTH_TOKEN_INVALID', 'a claim is missing or has a wrong type');
  static readonly notYetValid = new TokenFault('AUTH_TOKEN_INVALID', 'the token is not valid yet');
  static readonly issuer = new TokenFault('AUTH_TOKEN_WRONG_ISSUER', 'iss is another issuer');
  static readonly audience = new TokenFault('AUTH_TOKEN_WRONG_AUDIENCE', 'aud is another audience');
  static readonly expired = new TokenFault('AUTH_TOKEN_EXPIRED', 'the token has expired');
}

/** Content of a token with a valid signature. */
export interface VerifiedToken {
  readonly principal: Principal;
  readonly expiresAtMs: number;
}

interface CachedToken {
  readonly token: string;
  readonly verified: VerifiedToken;
}

/** Longer than any token that is issued here. It limits the work that a forged token can cause. */
const MAX_TOKEN_BYTES = 8_192;
/** Each key produces one header, so this is more than enough. */
const MAX_CACHED_HEADERS = 32;

/**
 * Checks signature, algorithm, type, issuer, audience and time of access tokens (RFC 8725, RFC 9068). It is synchronous.
 *
 * Valid tokens are cached, unless the cache is disabled. The expiry is checked at each request, and the guard checks the
 * session at each request.
 */
@Injectable()
export class AccessTokenVerifier {
  /** The same headers occur again and again, so each is decoded once. */
  private readonly keysByHeader = new LruMap<string, VerificationKey>(MAX_CACHED_HEADERS);
  private readonly verifiedTokens: LruMap<string, CachedToken> | undefined;

  constructor(
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Inject(SIGNING_KEY) private readonly key: SigningKey,
  ) {
    if (settings.tokenCacheSize > 0) this.verifiedTokens = new LruMap(settings.tokenCacheSize);
  }

  verify(token: string): VerifiedToken | TokenFault {
    const claimsAt = token.indexOf('.') + 1;
    const signatureAt = token.lastIndexOf('.') + 1;
    // The cache key is the signature, the shortest unique part. Then the whole token is compared.
    const signature = token.slice(signatureAt);
    const cached = this.verifiedTokens?.get(signature);
    if (cached?.token === token) return this.checkExpiry(cached.verified);

    if (claimsAt === 0 || token.indexOf('.', claimsAt) + 1 !== signatureAt || token.length > MAX_TOKEN_BYTES) {
      return TokenFault.notCompact;
    }
    const header = token.slice(0, claimsAt - 1);
    const knownKey = this.keysByHeader.get(header);
    const key = knownKey ?? this.findKey(header);
    if (key instanceof TokenFault) return key;
    if (!key.isValidSignature(token.slice(0, signatureAt - 1), signature)) return TokenFault.signature;
    if (!knownKey) this.keysByHeader.set(header, key);
    const verified = this.readClaims(token.slice(claimsAt, signatureAt - 1));
    if (verified instanceof TokenFault) return verified;
    this.verifiedTokens?.set(signature, { token, verified });
    return verified;
  }

  private checkExpiry(verified: VerifiedToken): VerifiedToken | TokenFault {
    return verified.expiresAtMs > Date.now() ? verified : TokenFault.expired;
  }

  private findKey(encoded: string): VerificationKey | TokenFault {
    const header = decodeJson(encoded);
    if (!header) return TokenFault.malformedHeader;
    if (header['typ'] !== ACCESS_TOKEN_TYPE) return TokenFault.type;
    if ('crit' in header) return TokenFault.critical;
    // Only `kid` selects a configured key. Keys and URLs of keys in a token are ignored.
    const key = this.key.findVerificationKey(header['kid']);
    if (!key) return TokenFault.key;
    return header['alg'] === key.algorithm ? key : TokenFault.algorithm;
  }

  private readClaims(encoded: string): VerifiedToken | TokenFault {
    const claims = decodeJson(encoded);
    if (!claims) return TokenFault.malformedClaims;
    const { iss, aud, exp, nbf, sub, sid, email, roles, tenant, auth_time: authTime, amr } = claims;
    const { issuer, audience } = this.settings;
    if (iss !== issuer) return TokenFault.issuer;
    if (aud !== audience && !(Array.isArray(aud) && aud.includes(audience))) return TokenFault.audience;
    if (!isTime(exp) || (nbf !== undefined && !isTime(nbf))) return TokenFault.claimTypes;
    if (!isText(sub) || !isText(sid) || !isText(email) || !isTextList(roles)) return TokenFault.claimTypes;
    if (tenant !== undefined && !isText(tenant)) return TokenFault.claimTypes;
    const now = Date.now();
    if (exp * 1000 <= now) return TokenFault.expired;
    if (nbf !== undefined && nbf * 1000 > now) return TokenFault.notYetValid;
    if ((authTime !== undefined && !isTime(authTime)) || (amr !== undefined && !isTextList(amr)))
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

/** Shared buffer for decoding. Decoding is synchronous, and every part fits into it. */
const decodeBuffer = Buffer.alloc(MAX_TOKEN_BYTES);

/** Decodes a part of a token. Returns undefined if it is not a JSON object. */
function decodeJson(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(decodeBuffer.toString('utf8', 0, decodeBuffer.write(part, 'base64url')));
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

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
