import type { FactoryProvider } from '@nestjs/common';
import { PrincipalResolver } from '../../context/index.js';
import { packageRequire } from '../../common/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { SessionCookies } from '../cookies/session-cookies.js';
import { SIGNING_KEY, type SigningKey } from './signing-key.js';

/** Registers the strategy `bulwark-jwt` if the application has installed passport. AuthModule does not need it itself. */
export const passportStrategyProvider: FactoryProvider = {
  provide: Symbol('bulwark.passportStrategy'),
  inject: [SIGNING_KEY, AUTH_SETTINGS, SessionCookies, PrincipalResolver],
  useFactory: async (
    keys: SigningKey,
    settings: AuthSettings,
    cookies: SessionCookies,
    principals: PrincipalResolver,
  ) => {
    if (!['@nestjs/passport', 'passport', 'passport-jwt'].every(isInstalled)) return undefined;
    const { JwtStrategy } = await import('./jwt.strategy.js');
    return new JwtStrategy(keys, settings, cookies, principals);
  },
};

function isInstalled(name: string): boolean {
  try {
    packageRequire.resolve(name);
    return true;
  } catch {
    return false;
  }
}
