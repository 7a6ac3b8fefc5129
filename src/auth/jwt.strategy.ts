import { Inject, Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { ExtractJwt, Strategy, type SecretOrKeyProvider } from 'passport-jwt';
import type { Principal } from '../common/index.js';
import { ACCESS_TOKEN_TYPE, type AccessTokenClaims } from './access-token.service.js';
import { AUTH_SETTINGS, type AuthSettings } from './auth.options.js';
import { SIGNING_KEY, type SigningKey } from './signing-key.js';

/** Checks signature, algorithm, type, issuer, audience and expiry of a bearer token (RFC 8725). */
@Injectable()
export class JwtStrategy extends PassportStrategy(Strategy, 'bulwark-jwt') {
  constructor(@Inject(AUTH_SETTINGS) settings: AuthSettings, @Inject(SIGNING_KEY) key: SigningKey) {
    const provideKey: SecretOrKeyProvider = (_request, token: string, done) => {
      if (typeOf(token) === ACCESS_TOKEN_TYPE) done(null, key.verify as never);
      else done(new Error('jwt type invalid') as never);
    };
    super({
      jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
      secretOrKeyProvider: provideKey,
      algorithms: [key.algorithm],
      issuer: settings.issuer,
      audience: settings.audience,
    });
  }

  validate({ sub, sid, email, roles }: AccessTokenClaims): Principal {
    return { id: sub, email, roles, sessionId: sid };
  }
}

/** Header `typ` of a token, not yet verified; undefined where there is no header to read. */
function typeOf(token: string): unknown {
  try {
    const header = JSON.parse(Buffer.from(token.split('.', 1)[0] ?? '', 'base64url').toString()) as { typ?: unknown };
    return header.typ;
  } catch {
    return undefined;
  }
}
