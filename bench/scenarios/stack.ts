import type { BenchRequest, BenchServer, HttpScenario } from '../harness/scenario.js';
import { JWT_SECRET, token } from './client-tokens.js';

/**
 * A thousand users, each with its own address and token. With one address for all, the cost of the stock throttler
 * would depend on the length of the run: its in-memory store reads all hits of the client's window at each request.
 */
const CLIENTS = 1000;
const env = { JWT_SECRET };

const hello: BenchRequest = {
  method: 'GET',
  path: '/bench/hello',
  headers: { 'accept-encoding': 'gzip, deflate, br' },
};
const requests = Array.from({ length: CLIENTS }, (_, client) => ({
  ...hello,
  headers: {
    ...hello.headers,
    authorization: `Bearer ${token(client)}`,
    'x-forwarded-for': `10.0.${client >> 8}.${client & 255}`,
  },
}));
const body = { hello: 'world' };

function bare(adapter: string): BenchServer {
  return {
    name: `bare Nest on ${adapter}`,
    entry: new URL('../servers/bare.js', import.meta.url),
    env: { HTTP_ADAPTER: adapter },
    requests,
    expect: { status: 200, body },
  };
}

function stock(adapter: string): BenchServer {
  return {
    name: `stock stack on ${adapter}`,
    entry: new URL('../servers/stock.js', import.meta.url),
    env: { ...env, HTTP_ADAPTER: adapter },
    requests,
    expect: { status: 200, body, headers: ['content-security-policy', 'x-ratelimit-limit', 'x-request-id'] },
    probes: [{ request: hello, expect: { status: 401 } }],
  };
}

function bulwark(adapter: string): BenchServer {
  return {
    name: `nest-bulwark on ${adapter}`,
    entry: new URL('../servers/bulwark.js', import.meta.url),
    env: { ...env, HTTP_ADAPTER: adapter },
    requests,
    expect: { status: 200, body, headers: ['content-security-policy', 'x-ratelimit-limit', 'x-request-id'] },
    probes: [{ request: hello, expect: { status: 401 } }],
  };
}

export const stack: HttpScenario = {
  kind: 'http',
  name: 'stack',
  description:
    `\`GET /bench/hello\` by ${CLIENTS} authenticated clients: bare Nest, the usual production packages set up as their ` +
    'documentation shows, and nest-bulwark.',
  baseline: 'bare Nest on express',
  servers: ['express', 'fastify'].flatMap((adapter) => [bare(adapter), stock(adapter), bulwark(adapter)]),
  packages: [
    '@nestjs/core',
    '@nestjs/platform-express',
    '@nestjs/platform-fastify',
    'express',
    'fastify',
    '@nestjs/throttler',
    '@nestjs/passport',
    'passport-jwt',
    'jsonwebtoken',
    'helmet',
    'compression',
    '@fastify/compress',
    'pino',
    'prom-client',
    'autocannon',
  ],
  notes: [
    'Stock stack: helmet, compression (`@fastify/compress` on Fastify), `@nestjs/throttler` in memory, passport-jwt with ' +
      'a string `secretOrKey`, a pino access log and a prom-client interceptor.',
    'The access log of the stock stack does what pino-http does by default (a child logger with the serialised request, ' +
      'one line with the serialised response at the end), but `servers/access-log.ts` implements it, because pino-http ' +
      'and nestjs-pino are not installed here.',
    'Bare Nest checks nothing: it gets the same requests and ignores the token.',
    'Log lines go to stdout, which is /dev/null for every server.',
  ],
};
