import { Injectable } from '@nestjs/common';
import type { TokenView } from '../../auth/index.js';
import { createBearerHeader, type ResponseData } from '../../doctor/index.js';
import { checkExpectations, type CheckOutcome } from '../../reports/index.js';
import type { Role } from '../../users/index.js';
import { SelfClient, type TestClient } from '../self-client.js';
import { SelfTest, type SelfTestSuite } from '../self-test.js';
import { TemporaryAccounts, type Account } from '../throw-away-account.js';

const getCode = ({ json }: ResponseData) => (json as { code?: unknown } | undefined)?.code;

/** Each check uses its own temporary account. */
@Injectable()
@SelfTest()
export class AuthChecks implements SelfTestSuite {
  readonly checks = [
    {
      name: 'auth-flow.session',
      title: 'A temporary account registers, logs in, reads its profile, refreshes its token and logs out.',
      reference: 'OWASP ASVS 5.0 V6, V7',
      run: () => this.withAccount(checkSession),
    },
    {
      name: 'protected.tokens',
      title: 'A protected route rejects missing, malformed and forged tokens and accepts a valid token.',
      reference: 'OWASP ASVS 5.0 V9.1; RFC 6750 section 3',
      run: () => this.withAccount(checkTokens),
    },
    {
      name: 'roles.hierarchy',
      title: 'A route for administrators rejects users and accepts administrators.',
      reference: 'OWASP ASVS 5.0 V8.2',
      run: () => this.withAccount((visitor, account) => this.roles(visitor, account)),
    },
  ];

  constructor(
    private readonly client: SelfClient,
    private readonly accounts: TemporaryAccounts,
  ) {}

  private withAccount(check: (visitor: TestClient, account: Account) => Promise<CheckOutcome>): Promise<CheckOutcome> {
    const visitor = this.client.createClient();
    return this.accounts.runWithAccount(visitor, (account) => check(visitor, account));
  }

  /** Uses the same token for all roles, because a changed role takes effect at the next request. */
  private async roles({ send }: TestClient, account: Account): Promise<CheckOutcome> {
    const as = async (role: `${Role}`) => {
      await this.accounts.setRole(account, role);
      return send('/production-test/roles/admin-only', { headers: createBearerHeader(account.accessToken) });
    };
    const [user, developer, admin] = [await as('User'), await as('Developer'), await as('Admin')];
    const isDenied = (answer: ResponseData) => answer.status === 403 && getCode(answer) === 'ACCESS_DENIED';
    return checkExpectations(
      [
        { what: 'a User is rejected', met: isDenied(user), seen: user.status },
        { what: 'a Developer is rejected', met: isDenied(developer), seen: developer.status },
        { what: 'an Admin is accepted', met: admin.status === 200, seen: admin.status },
      ],
      'Look for a guard of the application that replaces AuthorizationGuard, and for `roles` of AuthorizationModule that change Admin.',
    );
  }
}

async function checkSession(
  { send }: TestClient,
  { email, password, registration, accessToken, refreshToken }: Account,
): Promise<CheckOutcome> {
  const post = (path: string, body: object, headers = {}) => send(path, { method: 'POST', body, headers });
  const profileWith = (token = '') => send('/auth/profile', { headers: createBearerHeader(token) });
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
  // 202 if the address must be confirmed first. A silent registration also returns 202 for a known address.
  const isAccepted = registration.status === 201 || registration.status === 202;
  const isRefused = again.status === 409 || (again.status === 202 && registration.status === 202);
  return checkExpectations(
    [
      { what: 'registration returns 201 or 202', met: isAccepted, seen: registration.status },
      { what: 'the same email in upper case gets no second account', met: isRefused, seen: again.status },
      { what: 'login returns 200', met: login.status === 200, seen: login.status },
      { what: 'a wrong password is rejected', met: wrong.status === 401, seen: wrong.status },
      {
        what: 'the profile is returned without the password hash',
        met: profile.status === 200 && !profile.text.includes('$2'),
        seen: profile.status,
      },
      { what: 'a refresh token returns new tokens', met: refreshed.status === 200, seen: refreshed.status },
      { what: 'a used refresh token is rejected', met: reused.status === 401, seen: reused.status },
      {
        what: 'a used refresh token ends its session and its access tokens',
        met: ended.status === 401 && getCode(ended) === 'AUTH_TOKEN_REVOKED',
        seen: getCode(ended) ?? ended.status,
      },
    ],
    'Check AuthModule and the table users: an account does not work as expected.',
  );
}

async function checkTokens({ send }: TestClient, { accessToken }: Account): Promise<CheckOutcome> {
  const [, payload = ''] = accessToken.split('.');
  const unsigned = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${payload}.`;
  const get = (headers = {}) => send('/production-test/protected', { headers });
  const [missing, broken] = [await get(), await get(createBearerHeader('nonsense'))];
  const [none, accepted] = [await get(createBearerHeader(unsigned)), await get(createBearerHeader(accessToken))];
  const isRefused = (answer: ResponseData, code: string) => answer.status === 401 && getCode(answer) === code;
  return checkExpectations(
    [
      {
        what: 'no token: 401 AUTH_TOKEN_MISSING with a challenge',
        met: isRefused(missing, 'AUTH_TOKEN_MISSING') && 'www-authenticate' in missing.headers,
        seen: getCode(missing),
      },
      { what: 'not a JWT: 401 with a code', met: broken.status === 401, seen: getCode(broken) },
      {
        what: 'algorithm none: 401 AUTH_TOKEN_INVALID',
        met: isRefused(none, 'AUTH_TOKEN_INVALID'),
        seen: getCode(none),
      },
      { what: 'a token of this application: 200', met: accepted.status === 200, seen: accepted.status },
    ],
    'Look for a guard of the application that admits or refuses requests before AuthModule.',
  );
}
