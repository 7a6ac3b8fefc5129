import { fail, judge, pass, skip, warn, type CheckFinding } from '../../reports/index.js';
import type { DoctorCheck, Visit } from '../doctor.check.js';
import { decode, knownSecretOf, signedByHmac, signedByOwnKey, unsigned, type DecodedToken } from '../json-web-token.js';
import { bearer, type Answer } from '../exchange.js';

const NONES = ['none', 'None', 'NONE', 'nOnE'];
const isOpen = ({ status }: Answer) => status >= 200 && status < 300;

/** Tries forged tokens on a closed route that the real one opens. */
async function forge(
  { target, around }: Visit,
  forgeries: (token: DecodedToken) => [what: string, token: string][],
  remedy: string,
): Promise<CheckFinding> {
  const { path, token } = await around.opened();
  const decoded = decode(token);
  if (!decoded) return skip('the access token is no JWT');
  const expectations = [];
  for (const [what, forged] of forgeries(decoded)) {
    const answer = await target.send(path, { headers: bearer(forged) });
    expectations.push({ what: `${what} is refused`, met: !isOpen(answer), seen: answer.status });
  }
  return judge(expectations, remedy);
}

export const authenticationChecks: DoctorCheck[] = [
  {
    name: 'authentication.anonymous',
    title: 'Routes that are documented as closed are closed',
    reference: 'OWASP ASVS 5.0 V8.3.1',
    requests: 30,
    run: async ({ target, around }) => {
      const api = await around.openApi();
      if (!api) return skip('no OpenAPI document was found; pass --openapi');
      // Only GET: to try the others on a route that turns out to be open would change data.
      const closed = api.routes.filter(({ method, isSecured }) => method === 'GET' && isSecured).slice(0, 30);
      if (closed.length === 0) return skip('the document names no GET route that asks for authentication');
      const expectations = [];
      for (const { path } of closed) {
        const answer = await target.get(path);
        expectations.push({
          what: `GET ${path} without a token is refused`,
          met: !isOpen(answer),
          seen: answer.status,
        });
      }
      return judge(expectations, 'Make authentication the default for every route, and open what is public by name.');
    },
  },
  {
    name: 'authentication.challenge',
    title: '401 says how to authenticate',
    reference: 'RFC 9110 section 15.5.2; RFC 6750 section 3',
    requests: 1,
    run: async ({ around }) => {
      const { path, answer } = await around.closed();
      const seen = answer.headers['www-authenticate'];
      return judge(
        [
          { what: `GET ${path} without a token is answered 401`, met: answer.status === 401, seen: answer.status },
          { what: 'with WWW-Authenticate', met: seen !== undefined, seen: seen ?? 'absent' },
        ],
        'Answer 401 with "WWW-Authenticate: Bearer"; 403 is for callers who are known.',
        'warn',
      );
    },
  },
  {
    name: 'authentication.unsigned',
    title: 'Tokens without a signature are refused',
    reference: 'OWASP ASVS 5.0 V9.1.2; RFC 8725 section 3.1',
    requests: 7,
    run: (visit) =>
      forge(
        visit,
        ({ header, claims, parts }) => [
          ...NONES.map((alg): [string, string] => [`algorithm "${alg}"`, unsigned({ ...header, alg }, claims)]),
          ['an empty signature', `${parts[0]}.${parts[1]}.`],
          ['a cut signature', `${parts[0]}.${parts[1]}.${parts[2].slice(0, 10)}`],
        ],
        'Name the algorithms that verification accepts; never take the one that the token names.',
      ),
  },
  {
    name: 'authentication.tampered',
    title: 'Tokens with changed claims are refused',
    reference: 'OWASP ASVS 5.0 V9.1.1',
    requests: 3,
    run: (visit) =>
      forge(
        visit,
        ({ header, claims, parts }) => [
          ['a changed role', unsigned(header, { ...claims, role: 'admin', roles: ['admin', 'Admin'] }, parts[2])],
          ['a later expiry', unsigned(header, { ...claims, exp: Number(claims.exp ?? 0) + 86_400 }, parts[2])],
        ],
        'Verify the token (jwt.verify), do not only decode it (jwt.decode).',
      ),
  },
  {
    name: 'authentication.foreign-key',
    title: 'Tokens signed with a key of the attacker are refused',
    reference: 'OWASP ASVS 5.0 V9.1.3; RFC 8725 section 3.10',
    requests: 5,
    run: async (visit) => {
      const jwks = await visit.target.get('/.well-known/jwks.json');
      return forge(
        visit,
        ({ header, claims }) => [
          ['the key in the token itself', signedByOwnKey(header, claims)],
          ['an empty secret', signedByHmac({ ...header, alg: 'HS256' }, claims, '')],
          ['a kid that names an empty file', signedByHmac({ ...header, alg: 'HS256', kid: '/dev/null' }, claims, '')],
          [
            'the published key used as a secret',
            signedByHmac({ ...header, alg: 'HS256' }, claims, jwks.text || 'none'),
          ],
        ],
        'Take keys from configuration only, and bind each to one algorithm.',
      );
    },
  },
  {
    name: 'authentication.known-secret',
    title: 'Tokens are not signed with a secret that everybody knows',
    reference: 'RFC 8725 section 3.5; OWASP ASVS 5.0 V13.2.3',
    requests: 2,
    run: async ({ around }) => {
      const decoded = decode(await around.token());
      if (!decoded) return skip('the access token is no JWT');
      if (decoded.header.alg !== 'HS256') return pass({ algorithm: decoded.header.alg });
      const secret = knownSecretOf(decoded);
      if (secret === undefined) return pass({ algorithm: 'HS256' });
      return fail(
        { found: 'the secret stands in a list of common ones' },
        'Make a random secret of 32 bytes (openssl rand -base64 48), or sign with ES256. All tokens so far are void.',
      );
    },
  },
  {
    name: 'authentication.lifetime',
    title: 'Access tokens live an hour or less',
    reference: 'OWASP ASVS 5.0 V9.2.1, V7.3.2',
    requests: 2,
    run: async ({ around }) => {
      const decoded = decode(await around.token());
      if (!decoded) return skip('the access token is no JWT');
      const { exp, iat = Date.now() / 1000 } = decoded.claims;
      if (typeof exp !== 'number') return fail({ exp: 'absent' }, 'Give tokens an expiry (signOptions.expiresIn).');
      const minutes = Math.round((exp - Number(iat)) / 60);
      if (minutes <= 60) return pass({ minutes });
      const remedy = 'Shorten access tokens to 15 minutes and renew them with refresh tokens that can be revoked.';
      return minutes <= 24 * 60 ? warn({ minutes }, remedy) : fail({ minutes }, remedy);
    },
  },
  {
    name: 'authentication.claims',
    title: 'Tokens carry no secrets',
    reference: 'OWASP ASVS 5.0 V14.2.6',
    requests: 2,
    run: async ({ around }) => {
      const decoded = decode(await around.token());
      if (!decoded) return skip('the access token is no JWT');
      const suspicious = Object.entries(flattened(decoded.claims))
        .filter(
          ([name, value]) =>
            /pass(?:word|wd|phrase)?$|hash|secret|ssn|card|iban|salt/i.test(name) || /^\$2[aby]\$/.test(value),
        )
        .map(([name]) => name);
      return judge(
        [{ what: 'no claim looks like a secret', met: suspicious.length === 0, seen: suspicious }],
        'Anybody who holds the token can read it. Put an id into it and look the rest up.',
      );
    },
  },
  {
    name: 'authentication.query-token',
    title: 'Tokens in the URL are not accepted',
    reference: 'OWASP ASVS 5.0 V14.2.1; RFC 9700 section 4.3.2',
    requests: 5,
    run: async ({ target, around }) => {
      const { path, token } = await around.opened();
      const expectations = [];
      for (const name of ['access_token', 'token', 'auth_token']) {
        const answer = await target.send(`${path}?${name}=${token}`);
        expectations.push({ what: `?${name}= is not accepted`, met: !isOpen(answer), seen: answer.status });
      }
      return judge(expectations, 'Take tokens from the Authorization header only: URLs end up in logs and histories.');
    },
  },
  {
    name: 'authentication.enumeration',
    title: 'The answer to a failed login does not tell whether the account exists',
    reference: 'OWASP ASVS 5.0 V6.3.8',
    requests: 3,
    run: async ({ target, around }) => {
      const credentials = await around.credentials();
      const login = await around.login();
      const send = (email: string) =>
        target.send(login, { method: 'POST', body: { email, password: 'wrong-Password-1!' } });
      const [known, unknown] = [await send(credentials.email), await send('nobody@doctor.invalid')];
      const essence = ({ status, json, text }: Answer) => JSON.stringify([status, withoutIds(json) ?? text]);
      return judge(
        [
          {
            what: 'the same status and body for a known and an unknown account',
            met: essence(known) === essence(unknown),
            seen: [known.status, unknown.status],
          },
        ],
        'Answer both with the same words, after the same work.',
      );
    },
  },
  {
    name: 'authentication.logout',
    title: 'A token is void after logout',
    reference: 'OWASP ASVS 5.0 V7.4.1',
    requests: 4,
    run: async ({ target, around }) => {
      const credentials = await around.credentials();
      const described = (await around.openApi())?.routes.find(
        ({ method, path }) => method === 'POST' && /\/(?:logout|signout|sign-out)$/i.test(path),
      );
      if (!described) return skip('the OpenAPI document names no logout route');
      const { path } = await around.opened();
      const login = await target.send(await around.login(), { method: 'POST', body: credentials });
      const token = tokenOf(login);
      if (token === undefined) return skip('a second login gave no token');
      const body = { refreshToken: (login.json as Record<string, unknown>).refreshToken };
      const logout = await target.send(described.path, { method: 'POST', headers: bearer(token), body });
      if (logout.status >= 300) return skip(`${described.path} is answered ${logout.status}`);
      const after = await target.send(path, { headers: bearer(token) });
      return judge(
        [{ what: `${path} is closed again`, met: !isOpen(after), seen: after.status }],
        'Check the session behind the token at each request, or say how long a token outlives a logout.',
        'warn',
      );
    },
  },
];

const tokenOf = ({ json }: Answer) => {
  const fields = (json ?? {}) as Record<string, unknown>;
  return [fields.accessToken, fields.access_token, fields.token].find((value) => typeof value === 'string');
};

/** Fields that differ from answer to answer by design. */
function withoutIds(json: unknown): unknown {
  if (typeof json !== 'object' || json === null) return undefined;
  return Object.fromEntries(
    Object.entries(json).filter(
      ([name]) => !/^(?:requestId|instance|timestamp|traceId|correlationId|time)$/i.test(name),
    ),
  );
}

function flattened(value: object, prefix = ''): Record<string, string> {
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]: [string, unknown]) =>
      typeof inner === 'object' && inner !== null
        ? Object.entries(flattened(inner, `${prefix}${name}.`))
        : [[`${prefix}${name}`, String(inner)]],
    ),
  );
}
