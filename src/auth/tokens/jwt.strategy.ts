import { Inject, Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { Strategy } from 'passport-jwt';
import { PrincipalResolver, type AdapterRequest, type Principal } from '../../context/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { SessionCookies } from '../cookies/session-cookies.js';
import { SIGNING_KEY, type SigningKey } from './signing-key.js';

/**
 * The same authentication for what is built on passport: routes of an application that carry
 * `@UseGuards(AuthGuard('bulwark-jwt'))`, and `passport.authenticate('bulwark-jwt')` outside Nest. passport-jwt checks
 * the token, then `PrincipalResolver` looks at its session and its owner. A token that came in a cookie counts only where
 * the request passes the CSRF check.
 *
 * jsonwebtoken, which passport-jwt verifies with, knows no EdDSA: tokens of such a key are refused here.
 */
@Injectable()
export class JwtStrategy extends PassportStrategy(Strategy, 'bulwark-jwt') {
  constructor(
    @Inject(SIGNING_KEY) keys: SigningKey,
    @Inject(AUTH_SETTINGS) { issuer, audience }: AuthSettings,
    cookies: SessionCookies,
    private readonly principals: PrincipalResolver,
  ) {
    super({
      jwtFromRequest: (request: unknown) => cookies.accessTokenOf(request as AdapterRequest) ?? null,
      secretOrKeyProvider: (_request, token: string, done) => {
        const key = keys.verifierOf(keyIdOf(token))?.key;
        // Types of passport-jwt name text only; jsonwebtoken takes a KeyObject, and then binds it to its algorithms.
        done(key ? null : new Error('no such key'), key as never);
      },
      algorithms: ['HS256', 'ES256'],
      issuer,
      audience,
      passReqToCallback: true,
    });
  }

  /** Roles and session are those of now. */
  async validate(request: unknown): Promise<Principal | false> {
    return (await this.principals.resolve(request)) ?? false;
  }
}

/** The `kid` that a token names; undefined where it names none, or is no token. */
function keyIdOf(token: string): unknown {
  try {
    const header = JSON.parse(Buffer.from(token.split('.', 1)[0] ?? '', 'base64url').toString()) as { kid?: unknown };
    return header.kid;
  } catch {
    return undefined;
  }
}
