import { Inject, Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { ExtractJwt, Strategy, type SecretOrKeyProvider } from 'passport-jwt';
import type { Principal } from '../../common/index.js';
import { ACCESS_TOKEN_TYPE, type AccessTokenClaims } from './access-token.service.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { SIGNING_KEY, type SigningKey } from './signing-key.js';

/** Checks signature, algorithm, type, issuer, audience and expiry of a bearer token (RFC 8725). */
@Injectable()
export class JwtStrategy extends PassportStrategy(Strategy, 'bulwark-jwt') {
  constructor(@Inject(AUTH_SETTINGS) settings: AuthSettings, @Inject(SIGNING_KEY) key: SigningKey) {
    const provideKey: SecretOrKeyProvider = (_request, token: string, done) => {
      const header = headerOf(token);
      const refuse = (reason: string) => done(new Error(reason) as never);
      if (!header) return refuse('jwt malformed');
      if (header.typ !== ACCESS_TOKEN_TYPE) return refuse('jwt type invalid');
      // Only a name among ours: keys and addresses of keys in a token are never looked at.
      const verifier = key.verifierOf(header.kid);
      if (!verifier) return refuse('jwt kid unknown');
      done(null, verifier as never);
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

/** Header of a token, not yet verified; undefined for what is no JWT. */
function headerOf(token: string): { typ?: unknown; kid?: unknown } | undefined {
  const parts = token.split('.');
  if (parts.length !== 3) return undefined;
  try {
    const header: unknown = JSON.parse(Buffer.from(parts[0] ?? '', 'base64url').toString());
    return typeof header === 'object' && header !== null ? header : undefined;
  } catch {
    return undefined;
  }
}
