import { randomUUID, sign } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import type { Principal } from '../../context/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { SIGNING_KEY, type SigningKey } from './signing-key.js';

/** Header `typ` of access tokens (RFC 9068, section 2.1). Tokens for other purposes are refused. */
export const ACCESS_TOKEN_TYPE = 'at+jwt';

/** Claims of an access token, without the registered claims. */
export interface AccessTokenClaims {
  sub: string;
  sid: string;
  email: string;
  roles: string[];
  /** Time and methods of the last authentication (OpenID Connect Core 1.0, section 2). */
  auth_time?: number;
  amr?: string[];
  /** Tenant for which the token is valid. Without it, the token has only the roles of the account. */
  tenant?: string;
}

@Injectable()
export class AccessTokenService {
  constructor(
    private readonly jwt: JwtService,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Inject(SIGNING_KEY) private readonly key: SigningKey,
  ) {}

  /** Lifetime of a token, in seconds, for `expiresIn` in responses. */
  get expiresInSeconds(): number {
    return Math.floor(this.settings.accessTtlMs / 1000);
  }

  async issue({ id, email, roles, sessionId, tenantId, authenticatedAtMs, methods }: Principal): Promise<string> {
    const { algorithm, kid, secretOrPrivateKey: privateKey } = this.key;
    const now = Math.floor(Date.now() / 1000);
    const header = { alg: algorithm, typ: ACCESS_TOKEN_TYPE, ...(kid !== undefined && { kid }) };
    const claims = {
      sid: sessionId,
      email,
      roles: [...roles],
      ...(authenticatedAtMs !== undefined && { auth_time: Math.floor(authenticatedAtMs / 1000) }),
      ...(methods && { amr: [...methods] }),
      ...(tenantId !== undefined && { tenant: tenantId }),
      iat: now,
      exp: now + this.expiresInSeconds,
      aud: this.settings.audience,
      iss: this.settings.issuer,
      sub: id,
      jti: randomUUID(),
    };
    if (algorithm === 'EdDSA') return signWithEd25519(header, claims, privateKey);
    return this.jwt.signAsync(claims, { privateKey, algorithm, header });
  }
}

/** Own code, because jsonwebtoken does not support EdDSA (RFC 8037, section 3.1). */
function signWithEd25519(header: object, claims: object, key: SigningKey['secretOrPrivateKey']): string {
  const signedText = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${signedText}.${sign(null, Buffer.from(signedText), key).toString('base64url')}`;
}
