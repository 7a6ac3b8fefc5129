import type { BenchRequest, BenchServer, HttpScenario } from '../harness/scenario.js';
import { JWT_SECRET, token } from './client-tokens.js';

const CLIENTS = 1000;
const CACHE = 10_000;

const hello: BenchRequest = { method: 'GET', path: '/bench/hello' };
const requests = Array.from({ length: CLIENTS }, (_, client) => ({
  ...hello,
  headers: { authorization: `Bearer ${token(client)}` },
}));

const tampered = (request: BenchRequest): BenchRequest => {
  const { authorization = '' } = request.headers ?? {};
  return { ...request, headers: { authorization: `${authorization.slice(0, -2)}AA` } };
};

function server(adapter: string, name: string, guard: string, cache = 0): BenchServer {
  const isClosed = guard === 'ours' || guard === 'stock';
  return {
    name: `${name} on ${adapter}`,
    entry: new URL('../servers/auth.js', import.meta.url),
    env: { HTTP_ADAPTER: adapter, GUARD: guard, TOKEN_CACHE: String(cache), JWT_SECRET },
    requests,
    expect: { status: 200, body: { hello: 'world' } },
    probes: isClosed ? [hello, tampered(requests[0])].map((request) => ({ request, expect: { status: 401 } })) : [],
  };
}

const OPEN = 'open route';

export const auth: HttpScenario = {
  kind: 'http',
  name: 'auth',
  description:
    `\`GET /bench/hello\` by ${CLIENTS} clients, each with its own token: without a guard, behind a guard that does nothing, behind AuthModule (signature, claims ` +
    'and session are checked, with and without the token cache), and behind passport-jwt as the documentation of Nest ' +
    'shows it.',
  baseline: ({ name }) => `${OPEN} on ${name.split(' ').at(-1)}`,
  servers: ['express', 'fastify'].flatMap((adapter) => [
    server(adapter, OPEN, 'none'),
    server(adapter, 'a guard that does nothing', 'idle'),
    server(adapter, 'AuthModule, open route', 'ours, open'),
    server(adapter, 'AuthModule, no token cache', 'ours'),
    server(adapter, `AuthModule, ${CACHE} tokens cached`, 'ours', CACHE),
    server(adapter, 'passport-jwt', 'stock'),
  ]),
  packages: [
    '@nestjs/core',
    '@nestjs/jwt',
    '@nestjs/passport',
    'passport-jwt',
    'jsonwebtoken',
    'express',
    'fastify',
    'autocannon',
  ],
  notes: [
    'Ratios refer to the open route on the same adapter, in an application without AuthModule and so without any guard.',
    'A guard that does nothing shows the cost of having any guard in Nest. No authentication can be cheaper.',
    'passport-jwt checks signature and expiry, but no session. Its secret is text, which jsonwebtoken tries to read as a public key at every request.',
  ],
};
