import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import type { Principal } from '../../common/index.js';
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

  issue({ id, email, roles, sessionId }: Principal): Promise<string> {
    return this.jwt.signAsync(
      { sid: sessionId, email, roles: [...roles] },
      {
        privateKey: this.key.sign,
        algorithm: this.key.algorithm,
        header: {
          alg: this.key.algorithm,
          typ: ACCESS_TOKEN_TYPE,
          ...(this.key.kid !== undefined && { kid: this.key.kid }),
        },
        subject: id,
        issuer: this.settings.issuer,
        audience: this.settings.audience,
        expiresIn: this.expiresInSeconds,
        jwtid: randomUUID(),
      },
    );
  }
}
