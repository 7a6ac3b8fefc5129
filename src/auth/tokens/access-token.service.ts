import { randomUUID, sign } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import type { Principal } from '../../context/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { SIGNING_KEY, type SigningKey } from './signing-key.js';

/** Header `typ` of access tokens (RFC 9068, section 2.1): keeps tokens of another purpose out. */
export const ACCESS_TOKEN_TYPE = 'at+jwt';

/** Claims of an access token beyond the registered ones. */
export interface AccessTokenClaims {
  sub: string;
  sid: string;
  email: string;
  roles: string[];
  /** When and how the user last proved to be who they are (OpenID Connect Core 1.0, section 2). */
  auth_time?: number;
  amr?: string[];
  /** Tenant that the token is good for; without it, the account alone. */
  tenant?: string;
}

@Injectable()
export class AccessTokenService {
  constructor(
    private readonly jwt: JwtService,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Inject(SIGNING_KEY) private readonly key: SigningKey,
  ) {}

  /** Life of a token, in seconds, as `expiresIn` of OAuth responses has it. */
  get expiresInSeconds(): number {
    return Math.floor(this.settings.accessTtlMs / 1000);
  }

  async issue({ id, email, roles, sessionId, tenantId, authenticatedAtMs, methods }: Principal): Promise<string> {
    const { algorithm, kid, sign: privateKey } = this.key;
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
    if (algorithm === 'EdDSA') return signedByEd25519(header, claims, privateKey);
    return this.jwt.signAsync(claims, { privateKey, algorithm, header });
  }
}

/** By hand, because jsonwebtoken, which signs the others, does not know EdDSA (RFC 8037, section 3.1). */
function signedByEd25519(header: object, claims: object, key: SigningKey['sign']): string {
  const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}`;
}
