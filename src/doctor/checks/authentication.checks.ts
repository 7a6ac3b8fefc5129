import { fail, checkExpectations, pass, skip, warn, type CheckOutcome } from '../../reports/index.js';
import type { DoctorCheck, CheckContext } from '../doctor.check.js';
import {
  decodeToken,
  findKnownSecret,
  signWithHmac,
  signWithEmbeddedKey,
  createUnsignedToken,
  type DecodedToken,
} from '../json-web-token.js';
import { createBearerHeader, type ResponseData } from '../exchange.js';

const NONE_ALGORITHMS = ['none', 'None', 'NONE', 'nOnE'];
const isAllowed = ({ status }: ResponseData) => status >= 200 && status < 300;

/** Sends forged tokens to a protected route that accepts the real token. */
async function checkForgeries(
  { target, api }: CheckContext,
  forgeries: (token: DecodedToken) => [what: string, token: string][],
  remedy: string,
): Promise<CheckOutcome> {
  const { path, token } = await api.getAuthenticatedRoute();
  const decoded = decodeToken(token);
  if (!decoded) return skip('the access token is no JWT');
  const expectations = [];
  for (const [what, forged] of forgeries(decoded)) {
    const answer = await target.send(path, { headers: createBearerHeader(forged) });
    expectations.push({ what: `${what} is refused`, met: !isAllowed(answer), seen: answer.status });
  }
  return checkExpectations(expectations, remedy);
}

export const authenticationChecks: DoctorCheck[] = [
  {
    name: 'authentication.anonymous',
    title: 'Routes that are documented as protected require authentication',
    reference: 'OWASP ASVS 5.0 V8.3.1',
    requests: 30,
    run: async ({ target, api }) => {
      const openApi = await api.getOpenApi();
      if (!openApi) return skip('no OpenAPI document was found. Pass --openapi');
      // Only GET, because another method could change data if the route is open.
      const closed = openApi.routes.filter(({ method, isSecured }) => method === 'GET' && isSecured).slice(0, 30);
      if (closed.length === 0) return skip('the document has no GET route that requires authentication');
      const expectations = [];
      for (const { path } of closed) {
        const answer = await target.get(path);
        expectations.push({
          what: `GET ${path} without a token is refused`,
          met: !isAllowed(answer),
          seen: answer.status,
        });
      }
      return checkExpectations(
        expectations,
        'Make authentication the default for every route, and mark public routes explicitly.',
      );
    },
  },
  {
    name: 'authentication.challenge',
    title: 'A 401 response says how to authenticate',
    reference: 'RFC 9110 section 15.5.2; RFC 6750 section 3',
    requests: 1,
    run: async ({ api }) => {
      const { path, answer } = await api.getProtectedRoute();
      const seen = answer.headers['www-authenticate'];
      return checkExpectations(
        [
          { what: `GET ${path} without a token gets 401`, met: answer.status === 401, seen: answer.status },
          { what: 'with WWW-Authenticate', met: seen !== undefined, seen: seen ?? 'absent' },
        ],
        'Respond with 401 and "WWW-Authenticate: Bearer". 403 is for authenticated callers.',
        'warn',
      );
    },
  },
  {
    name: 'authentication.unsigned',
    title: 'Tokens without a signature are refused',
    reference: 'OWASP ASVS 5.0 V9.1.2; RFC 8725 section 3.1',
    requests: 7,
    run: (context) =>
      checkForgeries(
        context,
        ({ header, claims, parts }) => [
          ...NONE_ALGORITHMS.map((alg): [string, string] => [
            `algorithm "${alg}"`,
            createUnsignedToken({ ...header, alg }, claims),
          ]),
          ['an empty signature', `${parts[0]}.${parts[1]}.`],
          ['a truncated signature', `${parts[0]}.${parts[1]}.${parts[2].slice(0, 10)}`],
        ],
        'List the algorithms that verification accepts. Never use the algorithm that the token names.',
      ),
  },
  {
    name: 'authentication.tampered',
    title: 'Tokens with changed claims are refused',
    reference: 'OWASP ASVS 5.0 V9.1.1',
    requests: 3,
    run: (context) =>
      checkForgeries(
        context,
        ({ header, claims, parts }) => [
          [
            'a changed role',
            createUnsignedToken(header, { ...claims, role: 'admin', roles: ['admin', 'Admin'] }, parts[2]),
          ],
          [
            'a later expiry',
            createUnsignedToken(header, { ...claims, exp: Number(claims.exp ?? 0) + 86_400 }, parts[2]),
          ],
        ],
        'Verify the token (jwt.verify). Decoding it (jwt.decode) is not enough.',
      ),
  },
  {
    name: 'authentication.foreign-key',
    title: 'Tokens signed with a key of the attacker are refused',
    reference: 'OWASP ASVS 5.0 V9.1.3; RFC 8725 section 3.10',
    requests: 5,
    run: async (context) => {
      const jwks = await context.target.get('/.well-known/jwks.json');
      return checkForgeries(
        context,
        ({ header, claims }) => [
          ['the key in the token itself', signWithEmbeddedKey(header, claims)],
          ['an empty secret', signWithHmac({ ...header, alg: 'HS256' }, claims, '')],
          ['a kid that names an empty file', signWithHmac({ ...header, alg: 'HS256', kid: '/dev/null' }, claims, '')],
          [
            'the published key used as a secret',
            signWithHmac({ ...header, alg: 'HS256' }, claims, jwks.text || 'none'),
          ],
        ],
        'Use only keys from the configuration, and bind each key to one algorithm.',
      );
    },
  },
  {
    name: 'authentication.known-secret',
    title: 'Tokens are not signed with a publicly known secret',
    reference: 'RFC 8725 section 3.5; OWASP ASVS 5.0 V13.2.3',
    requests: 2,
    run: async ({ api }) => {
      const decoded = decodeToken(await api.getToken());
      if (!decoded) return skip('the access token is no JWT');
      if (decoded.header.alg !== 'HS256') return pass({ algorithm: decoded.header.alg });
      const secret = findKnownSecret(decoded);
      if (secret === undefined) return pass({ algorithm: 'HS256' });
      return fail(
        { found: 'the secret is in a list of common secrets' },
        'Create a random secret of 32 bytes (openssl rand -base64 48), or sign with ES256. All existing tokens become invalid.',
      );
    },
  },
  {
    name: 'authentication.lifetime',
    title: 'Access tokens expire after one hour or less',
    reference: 'OWASP ASVS 5.0 V9.2.1, V7.3.2',
    requests: 2,
    run: async ({ api }) => {
      const decoded = decodeToken(await api.getToken());
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
    run: async ({ api }) => {
      const decoded = decodeToken(await api.getToken());
      if (!decoded) return skip('the access token is no JWT');
      const suspicious = Object.entries(flatten(decoded.claims))
        .filter(
          ([name, value]) =>
            /pass(?:word|wd|phrase)?$|hash|secret|ssn|card|iban|salt/i.test(name) || /^\$2[aby]\$/.test(value),
        )
        .map(([name]) => name);
      return checkExpectations(
        [{ what: 'no claim looks like a secret', met: suspicious.length === 0, seen: suspicious }],
        'Everybody who has the token can read it. Put only an id into the token.',
      );
    },
  },
  {
    name: 'authentication.query-token',
    title: 'Tokens in the URL are not accepted',
    reference: 'OWASP ASVS 5.0 V14.2.1; RFC 9700 section 4.3.2',
    requests: 5,
    run: async ({ target, api }) => {
      const { path, token } = await api.getAuthenticatedRoute();
      const expectations = [];
      for (const name of ['access_token', 'token', 'auth_token']) {
        const answer = await target.send(`${path}?${name}=${token}`);
        expectations.push({ what: `?${name}= is not accepted`, met: !isAllowed(answer), seen: answer.status });
      }
      return checkExpectations(
        expectations,
        'Accept tokens only from the Authorization header. URLs are stored in logs and browser histories.',
      );
    },
  },
  {
    name: 'authentication.enumeration',
    title: 'The response to a failed login does not reveal whether the account exists',
    reference: 'OWASP ASVS 5.0 V6.3.8',
    requests: 3,
    run: async ({ target, api }) => {
      const credentials = await api.getCredentials();
      const login = await api.getLoginPath();
      const send = (email: string) =>
        target.send(login, { method: 'POST', body: { email, password: 'wrong-Password-1!' } });
      const [known, unknown] = [await send(credentials.email), await send('nobody@doctor.invalid')];
      const getComparable = ({ status, json, text }: ResponseData) =>
        JSON.stringify([status, removeVariableFields(json) ?? text]);
      return checkExpectations(
        [
          {
            what: 'the same status and body for a known and an unknown account',
            met: getComparable(known) === getComparable(unknown),
            seen: [known.status, unknown.status],
          },
        ],
        'Send the same response in both cases, after the same amount of work.',
      );
    },
  },
  {
    name: 'authentication.logout',
    title: 'A token is invalid after logout',
    reference: 'OWASP ASVS 5.0 V7.4.1',
    requests: 4,
    run: async ({ target, api }) => {
      const credentials = await api.getCredentials();
      const described = (await api.getOpenApi())?.routes.find(
        ({ method, path }) => method === 'POST' && /\/(?:logout|signout|sign-out)$/i.test(path),
      );
      if (!described) return skip('the OpenAPI document has no logout route');
      const { path } = await api.getAuthenticatedRoute();
      const login = await target.send(await api.getLoginPath(), { method: 'POST', body: credentials });
      const token = findToken(login);
      if (token === undefined) return skip('a second login returned no token');
      const body = { refreshToken: (login.json as Record<string, unknown>).refreshToken };
      const logout = await target.send(described.path, { method: 'POST', headers: createBearerHeader(token), body });
      if (logout.status >= 300) return skip(`${described.path} returned the status ${logout.status}`);
      const after = await target.send(path, { headers: createBearerHeader(token) });
      return checkExpectations(
        [{ what: `${path} rejects the token`, met: !isAllowed(after), seen: after.status }],
        'Check the session of the token at each request, or document how long a token is valid after logout.',
        'warn',
      );
    },
  },
];

const findToken = ({ json }: ResponseData) => {
  const fields = (json ?? {}) as Record<string, unknown>;
  return [fields.accessToken, fields.access_token, fields.token].find((value) => typeof value === 'string');
};

/** Removes fields that are different in every response. */
function removeVariableFields(json: unknown): unknown {
  if (typeof json !== 'object' || json === null) return undefined;
  return Object.fromEntries(
    Object.entries(json).filter(
      ([name]) => !/^(?:requestId|instance|timestamp|traceId|correlationId|time)$/i.test(name),
    ),
  );
}

function flatten(value: object, prefix = ''): Record<string, string> {
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]: [string, unknown]) =>
      typeof inner === 'object' && inner !== null
        ? Object.entries(flatten(inner, `${prefix}${name}.`))
        : [[`${prefix}${name}`, String(inner)]],
    ),
  );
}
