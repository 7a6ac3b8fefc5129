import { PassportStrategy } from '@nestjs/passport';
import { Strategy } from 'passport-jwt';
import type { AdapterRequest, Principal, PrincipalResolver } from '../../context/index.js';
import type { AuthSettings } from '../auth.options.js';
import type { SessionCookies } from '../cookies/session-cookies.js';
import type { SigningKey } from './signing-key.js';

/**
 * The same authentication as a passport strategy, for routes with `@UseGuards(AuthGuard('bulwark-jwt'))` and for
 * `passport.authenticate('bulwark-jwt')` outside Nest. passport-jwt verifies the token. Then `PrincipalResolver` checks its
 * session and its owner. A token in a cookie is accepted only if the request passes the CSRF check.
 *
 * Tokens signed with EdDSA are refused, because jsonwebtoken, which passport-jwt uses, does not support EdDSA.
 */
export class JwtStrategy extends PassportStrategy(Strategy, 'bulwark-jwt') {
  constructor(
    keys: SigningKey,
    { issuer, audience }: AuthSettings,
    cookies: SessionCookies,
    private readonly principals: PrincipalResolver,
  ) {
    super({
      jwtFromRequest: (request: unknown) => cookies.getAccessToken(request as AdapterRequest) ?? null,
      secretOrKeyProvider: (_request, token: string, done) => {
        const key = keys.findVerificationKey(readKeyId(token))?.key;
        // The types of passport-jwt allow only text, but jsonwebtoken accepts a KeyObject and checks its algorithm.
        done(key ? null : new Error('The kid of the token is unknown'), key as never);
      },
      algorithms: ['HS256', 'ES256'],
      issuer,
      audience,
      passReqToCallback: true,
    });
  }

  /** Returns the principal with the current roles; false if the session has ended. */
  async validate(request: unknown): Promise<Principal | false> {
    return (await this.principals.resolve(request)) ?? false;
  }
}

/** Returns the `kid` of a token, or undefined. */
function readKeyId(token: string): unknown {
  try {
    const header = JSON.parse(Buffer.from(token.split('.', 1)[0] ?? '', 'base64url').toString()) as { kid?: unknown };
    return header.kid;
  } catch {
    return undefined;
  }
}
