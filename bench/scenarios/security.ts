import type { BenchServer, HttpScenario } from '../harness/scenario.js';

const SMALL = 'small body';
const LARGE = '11 kB, brotli';

function server(adapter: string, protection: string, body: string): BenchServer {
  const isLarge = body === LARGE;
  const isCompressed = isLarge && protection !== 'none';
  return {
    name: `${protection} on ${adapter}, ${body}`,
    entry: new URL('../servers/secured.js', import.meta.url),
    env: { HTTP_ADAPTER: adapter, PROTECTION: protection },
    requests: [
      {
        method: 'GET',
        path: isLarge ? '/bench/items' : '/bench/hello',
        headers: { 'accept-encoding': 'gzip, deflate, br', origin: 'https://app.example.com' },
      },
    ],
    expect: {
      status: 200,
      ...(!isLarge && { body: { hello: 'world' } }),
      headers: [
        ...(protection.includes('cors') || protection === 'nest-bulwark' ? ['access-control-allow-origin'] : []),
        ...(protection.includes('helmet') || protection === 'nest-bulwark' ? ['content-security-policy'] : []),
        ...(isCompressed ? ['content-encoding'] : []),
      ],
    },
  };
}

const STOCK = 'helmet + cors + compression';

export const security: HttpScenario = {
  kind: 'http',
  name: 'security',
  description:
    'Headers, CORS and compression: none, helmet alone, the usual packages, and SecurityModule, which also checks the ' +
    'shape of each request; with a body too small to compress, and with 11 kB of JSON.',
  baseline: `none on fastify, ${SMALL}`,
  servers: ['express', 'fastify'].flatMap((adapter) => [
    ...['none', 'helmet', 'cors', STOCK, 'nest-bulwark'].map((protection) => server(adapter, protection, SMALL)),
    ...['none', 'compression', 'nest-bulwark'].map((protection) => server(adapter, protection, LARGE)),
  ]),
  packages: ['@nestjs/core', 'express', 'fastify', 'helmet', 'compression', '@fastify/compress', 'cors', 'autocannon'],
  notes: [
    'All servers compress with `compression` or `@fastify/compress`, and with Brotli of quality 4. The stock servers use ' +
      'the packages as their documentation shows. SecurityModule adds its rules.',
  ],
};
