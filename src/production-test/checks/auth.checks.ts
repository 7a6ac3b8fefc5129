import { Injectable } from '@nestjs/common';
import type { TokenView } from '../../auth/index.js';
import { Role } from '../../users/index.js';
import { SelfClient } from '../self-client.js';
import { judge, type CheckFinding } from '../../reports/index.js';
import { SelfTest, type SelfTestCheck } from '../self-test.js';
import { ThrowAwayAccounts, type Account } from '../throw-away-account.js';

const codeOf = (body: unknown) => (body as { code?: unknown } | undefined)?.code;
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

@Injectable()
@SelfTest()
export class AuthFlowCheck implements SelfTestCheck {
  readonly name = 'auth-flow.session';
  readonly title = 'A throw-away account registers, logs in, reads its profile, refreshes and logs out.';
  readonly reference = 'OWASP ASVS 5.0 V6, V7';

  constructor(
    private readonly client: SelfClient,
    private readonly accounts: ThrowAwayAccounts,
  ) {}

  run(): Promise<CheckFinding> {
    const from = this.client.ownAddress();
    const post = (path: string, body: unknown) => this.client.send(path, { method: 'POST', body, from });
    return this.accounts.with(from, async ({ email, password, registration, accessToken, refreshToken }) => {
      const again = await post('/auth/register', { email: email.toUpperCase(), password, name: 'Again' });
      const login = await post('/auth/login', { email, password });
      const wrong = await post('/auth/login', { email, password: `${password}x` });
      const profile = await this.client.send('/auth/profile', { headers: bearer(accessToken), from });
      const refreshed = await post('/auth/refresh', { refreshToken });
      const reused = await this.client.send('/auth/refresh', {
        method: 'POST',
        body: { refreshToken },
        headers: { 'User-Agent': 'another client, which copied the token' },
        from,
      });
      const ended = await this.client.send('/auth/profile', {
        headers: bearer((refreshed.body as Partial<TokenView>).accessToken ?? ''),
        from,
      });
      // 202 where the address is confirmed first; a silent registration then says no more of a known one either.
      const isAccepted = registration.status === 201 || registration.status === 202;
      const isRefused = again.status === 409 || (again.status === 202 && registration.status === 202);
      return judge(
        [
          { what: 'registration answers 201 or 202', met: isAccepted, seen: registration.status },
          { what: 'the same email in capitals gets no second account', met: isRefused, seen: again.status },
          { what: 'login answers 200', met: login.status === 200, seen: login.status },
          { what: 'a wrong password is refused', met: wrong.status === 401, seen: wrong.status },
          {
            what: 'the profile is the account’s own, without its hash',
            met: profile.status === 200 && !JSON.stringify(profile.body).includes('$2'),
            seen: profile.status,
          },
          { what: 'a refresh token gives a new one', met: refreshed.status === 200, seen: refreshed.status },
          { what: 'a used refresh token is refused', met: reused.status === 401, seen: reused.status },
          {
            what: 'and ends its session, access tokens included',
            met: ended.status === 401 && codeOf(ended.body) === 'AUTH_TOKEN_REVOKED',
            seen: codeOf(ended.body) ?? ended.status,
          },
        ],
        'Look at AuthModule and the users table: an account cannot be used as it should.',
      );
    });
  }
}

@Injectable()
@SelfTest()
export class ProtectedCheck implements SelfTestCheck {
  readonly name = 'protected.tokens';
  readonly title = 'A closed route refuses missing, broken and foreign tokens and accepts a good one.';
  readonly reference = 'OWASP ASVS 5.0 V9.1; RFC 6750 section 3';

  constructor(
    private readonly client: SelfClient,
    private readonly accounts: ThrowAwayAccounts,
  ) {}

  run(): Promise<CheckFinding> {
    const from = this.client.ownAddress();
    return this.accounts.with(from, ({ accessToken }) => this.tryTokens(from, accessToken));
  }

  private async tryTokens(from: string, good: string): Promise<CheckFinding> {
    const [, payload] = good.split('.');
    const unsigned = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${payload ?? ''}.`;
    const get = (token?: string) =>
      this.client.send('/production-test/protected', { headers: token === undefined ? {} : bearer(token), from });
    const missing = await get();
    const broken = await get('nonsense');
    const none = await get(unsigned);
    const accepted = await get(good);
    const refused = (status: number, body: unknown, code: string) => status === 401 && codeOf(body) === code;
    return judge(
      [
        {
          what: 'no token: 401 AUTH_TOKEN_MISSING with a challenge',
          met: refused(missing.status, missing.body, 'AUTH_TOKEN_MISSING') && 'www-authenticate' in missing.headers,
          seen: codeOf(missing.body),
        },
        {
          what: 'no JWT: 401 with the code of its kind',
          met: broken.status === 401,
          seen: codeOf(broken.body),
        },
        {
          what: 'algorithm none: 401 AUTH_TOKEN_INVALID',
          met: refused(none.status, none.body, 'AUTH_TOKEN_INVALID'),
          seen: codeOf(none.body),
        },
        { what: 'a token of this application: 200', met: accepted.status === 200, seen: accepted.status },
      ],
      'Import AuthModule, and look for @Public() where it should not stand.',
    );
  }
}

@Injectable()
@SelfTest()
export class RolesCheck implements SelfTestCheck {
  readonly name = 'roles.hierarchy';
  readonly title = 'A route for administrators refuses users and lets administrators in.';
  readonly reference = 'OWASP ASVS 5.0 V8.2';

  constructor(
    private readonly client: SelfClient,
    private readonly accounts: ThrowAwayAccounts,
  ) {}

  run(): Promise<CheckFinding> {
    const from = this.client.ownAddress();
    return this.accounts.with(from, (account) => this.tryRoles(from, account));
  }

  /** With one token all along: a changed role holds from the next request. */
  private async tryRoles(from: string, account: Account): Promise<CheckFinding> {
    const as = async (role: Role) => {
      await this.accounts.setRole(account, role);
      const headers = bearer(account.accessToken);
      return this.client.send('/production-test/roles/admin-only', { headers, from });
    };
    const [user, developer, admin] = [await as(Role.User), await as(Role.Developer), await as(Role.Admin)];
    const isDenied = ({ status, body }: typeof user) => status === 403 && codeOf(body) === 'ACCESS_DENIED';
    return judge(
      [
        { what: 'a User is refused', met: isDenied(user), seen: user.status },
        { what: 'a Developer is refused', met: isDenied(developer), seen: developer.status },
        { what: 'an Admin is let in', met: admin.status === 200, seen: admin.status },
      ],
      'Look at @Roles() on the route and at AuthorizationGuard in the guard chain.',
    );
  }
}
