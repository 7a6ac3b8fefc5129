import { Injectable } from '@nestjs/common';
import type { TokenView } from '../../auth/index.js';
import { bearer, type Answer } from '../../doctor/index.js';
import { judge, type CheckFinding } from '../../reports/index.js';
import { Role } from '../../users/index.js';
import { SelfClient, type Visitor } from '../self-client.js';
import { SelfTest, type SelfTestSuite } from '../self-test.js';
import { ThrowAwayAccounts, type Account } from '../throw-away-account.js';

const codeOf = ({ json }: Answer) => (json as { code?: unknown } | undefined)?.code;

/** Each with an account that is there for that check alone. */
@Injectable()
@SelfTest()
export class AuthChecks implements SelfTestSuite {
  readonly checks = [
    {
      name: 'auth-flow.session',
      title: 'A throw-away account registers, logs in, reads its profile, refreshes and logs out.',
      reference: 'OWASP ASVS 5.0 V6, V7',
      run: () => this.withAccount(session),
    },
    {
      name: 'protected.tokens',
      title: 'A closed route refuses missing, broken and foreign tokens and accepts a good one.',
      reference: 'OWASP ASVS 5.0 V9.1; RFC 6750 section 3',
      run: () => this.withAccount(tokens),
    },
    {
      name: 'roles.hierarchy',
      title: 'A route for administrators refuses users and lets administrators in.',
      reference: 'OWASP ASVS 5.0 V8.2',
      run: () => this.withAccount((visitor, account) => this.roles(visitor, account)),
    },
  ];

  constructor(
    private readonly client: SelfClient,
    private readonly accounts: ThrowAwayAccounts,
  ) {}

  private withAccount(check: (visitor: Visitor, account: Account) => Promise<CheckFinding>): Promise<CheckFinding> {
    const visitor = this.client.visitor();
    return this.accounts.with(visitor, (account) => check(visitor, account));
  }

  /** With one token all along: a changed role holds from the next request. */
  private async roles({ send }: Visitor, account: Account): Promise<CheckFinding> {
    const as = async (role: Role) => {
      await this.accounts.setRole(account, role);
      return send('/production-test/roles/admin-only', { headers: bearer(account.accessToken) });
    };
    const [user, developer, admin] = [await as(Role.User), await as(Role.Developer), await as(Role.Admin)];
    const isDenied = (answer: Answer) => answer.status === 403 && codeOf(answer) === 'ACCESS_DENIED';
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

async function session(
  { send }: Visitor,
  { email, password, registration, accessToken, refreshToken }: Account,
): Promise<CheckFinding> {
  const post = (path: string, body: object, headers = {}) => send(path, { method: 'POST', body, headers });
  const profileWith = (token = '') => send('/auth/profile', { headers: bearer(token) });
  const again = await post('/auth/register', { email: email.toUpperCase(), password, name: 'Again' });
  const login = await post('/auth/login', { email, password });
  const wrong = await post('/auth/login', { email, password: `${password}x` });
  const profile = await profileWith(accessToken);
  const refreshed = await post('/auth/refresh', { refreshToken });
  const reused = await post(
    '/auth/refresh',
    { refreshToken },
    { 'User-Agent': 'another client, which copied the token' },
  );
  const ended = await profileWith((refreshed.json as Partial<TokenView> | undefined)?.accessToken);
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
        met: profile.status === 200 && !profile.text.includes('$2'),
        seen: profile.status,
      },
      { what: 'a refresh token gives a new one', met: refreshed.status === 200, seen: refreshed.status },
      { what: 'a used refresh token is refused', met: reused.status === 401, seen: reused.status },
      {
        what: 'and ends its session, access tokens included',
        met: ended.status === 401 && codeOf(ended) === 'AUTH_TOKEN_REVOKED',
        seen: codeOf(ended) ?? ended.status,
      },
    ],
    'Look at AuthModule and the users table: an account cannot be used as it should.',
  );
}

async function tokens({ send }: Visitor, { accessToken }: Account): Promise<CheckFinding> {
  const [, payload = ''] = accessToken.split('.');
  const unsigned = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${payload}.`;
  const get = (headers = {}) => send('/production-test/protected', { headers });
  const [missing, broken] = [await get(), await get(bearer('nonsense'))];
  const [none, accepted] = [await get(bearer(unsigned)), await get(bearer(accessToken))];
  const isRefused = (answer: Answer, code: string) => answer.status === 401 && codeOf(answer) === code;
  return judge(
    [
      {
        what: 'no token: 401 AUTH_TOKEN_MISSING with a challenge',
        met: isRefused(missing, 'AUTH_TOKEN_MISSING') && 'www-authenticate' in missing.headers,
        seen: codeOf(missing),
      },
      { what: 'no JWT: 401 with the code of its kind', met: broken.status === 401, seen: codeOf(broken) },
      {
        what: 'algorithm none: 401 AUTH_TOKEN_INVALID',
        met: isRefused(none, 'AUTH_TOKEN_INVALID'),
        seen: codeOf(none),
      },
      { what: 'a token of this application: 200', met: accepted.status === 200, seen: accepted.status },
    ],
    'Import AuthModule, and look for @Public() where it should not stand.',
  );
}
