import { Injectable, VersioningType } from '@nestjs/common';
import type { ResponseData } from '../../doctor/index.js';
import { checkExpectations, skip, type CheckOutcome } from '../../reports/index.js';
import { ImportedModules } from '../imported-modules.js';
import { SelfClient, type TestClient } from '../self-client.js';
import { SelfRoutes } from '../self-routes.js';
import { SelfTest, type SelfTestSuite } from '../self-test.js';
import { SUITE } from '../suite-providers.js';

/** Requests that `/production-test/rate-limit` allows for one address in a minute. */
export const MAX_REQUESTS_PER_MINUTE = 10;

/** Checks the application through HTTP. Each check uses its own client address. */
@Injectable()
@SelfTest()
export class HttpChecks implements SelfTestSuite {
  readonly checks = [
    {
      name: 'rate-limit.address',
      title: 'A client that sends more requests than a route allows is limited.',
      reference: 'OWASP ASVS 5.0 V2.4; RFC 6585 section 4',
      run: () => this.rateLimit(),
    },
    {
      name: 'compression.encodings',
      title: 'A large body is compressed only for clients that accept it.',
      reference: 'RFC 9110 section 8.4',
      run: () => this.compression(),
    },
    {
      name: 'headers.suite',
      title: 'All responses, including errors, have the security headers and no banner.',
      reference: 'OWASP ASVS 5.0 V3.4',
      run: () => this.headers(),
    },
    {
      name: 'versioning.uri',
      title: 'Routes respond under their version, and unknown versions are not found',
      reference: 'Nest: versioning',
      run: () => this.versions(),
    },
  ];

  constructor(
    private readonly client: SelfClient,
    private readonly routes: SelfRoutes,
    private readonly modules: ImportedModules,
  ) {}

  private async rateLimit(): Promise<CheckOutcome> {
    const { tiers, globalGuards } = await this.modules.require(SUITE.throttlerSettings);
    if (!globalGuards) return skip('the application applies the ThrottlerGuard itself');
    // The route changes this tier.
    if (!tiers.some(({ name }) => name === 'default')) return skip('ThrottlerModule has no tier "default"');
    return checkRateLimit(this.client.createClient());
  }

  private async compression(): Promise<CheckOutcome> {
    const { compression } = await this.modules.require(SUITE.securitySettings);
    if (compression === false) return skip('`compression` of SecurityModule is false, because a proxy compresses');
    return checkCompression(this.client.createClient());
  }

  private async headers(): Promise<CheckOutcome> {
    await this.modules.require(SUITE.securitySettings);
    return checkHeaders(this.client.createClient());
  }

  private async versions(): Promise<CheckOutcome> {
    const { versioning } = this.routes;
    if (versioning === undefined) return skip('the application does not use versioning');
    if (versioning === VersioningType.CUSTOM)
      return skip('a function of the application reads the version of a request');
    return checkVersions(this.client.createClient());
  }
}

async function checkRateLimit({ send }: TestClient): Promise<CheckOutcome> {
  const answers: ResponseData[] = [];
  for (let i = 0; i < MAX_REQUESTS_PER_MINUTE + 2; i++) {
    answers.push(await send('/production-test/rate-limit', { headers: { 'X-Forwarded-For': `10.0.0.${i}` } }));
  }
  const statuses = answers.map(({ status }) => status);
  const admitted = statuses.filter((status) => status === 200).length;
  const retryAfter = Number(answers.at(-1)?.headers['retry-after']);
  return checkExpectations(
    [
      {
        what: `${MAX_REQUESTS_PER_MINUTE} requests are allowed`,
        met: admitted === MAX_REQUESTS_PER_MINUTE,
        seen: admitted,
      },
      {
        what: 'the next requests get 429',
        met: statuses.slice(MAX_REQUESTS_PER_MINUTE).every((status) => status === 429),
        seen: statuses,
      },
      { what: 'Retry-After says when to retry', met: retryAfter > 0 && retryAfter <= 120, seen: retryAfter },
    ],
    'If more requests were allowed, the application trusts a header that every client can set: correct `trustProxy` of ' +
      'hardenApp() or createAdapter(), or the variable TRUST_PROXY.',
  );
}

async function checkCompression({ send }: TestClient): Promise<CheckOutcome> {
  const fetch = (encoding: string) =>
    send('/production-test/compression/payload', { headers: { 'Accept-Encoding': encoding } });
  const [plain, gzip, brotli] = [await fetch('identity'), await fetch('gzip'), await fetch('br')];
  const isUsed = (name: string, { headers: { 'content-encoding': encoding }, bytes }: ResponseData) => ({
    what: `${name} is used if the client accepts it, and makes the body smaller`,
    met: encoding === name && bytes < plain.bytes / 2,
    seen: { encoding, bytes, ofBytes: plain.bytes },
  });
  return checkExpectations(
    [
      isUsed('gzip', gzip),
      isUsed('br', brotli),
      {
        what: 'a client that accepts no encoding gets the plain body',
        met: plain.headers['content-encoding'] === undefined,
        seen: plain.headers['content-encoding'],
      },
      {
        what: 'Vary names Accept-Encoding',
        met: /accept-encoding/i.test(gzip.headers.vary ?? ''),
        seen: gzip.headers.vary,
      },
    ],
    'Install compression (Express) or @fastify/compress (Fastify). If a proxy compresses, set `compression: false` of ' +
      'SecurityModule.',
  );
}

const REQUIRED_HEADERS: [name: string, value: RegExp][] = [
  ['content-security-policy', /default-src 'none'/],
  ['permissions-policy', /camera=\(\)/],
  ['x-content-type-options', /^nosniff$/],
  ['x-frame-options', /^DENY$/i],
  ['referrer-policy', /no-referrer/],
  ['cross-origin-resource-policy', /^same-origin$/],
  ['cross-origin-opener-policy', /^same-origin$/],
  ['x-request-id', /^[\w.-]{8,64}$/],
];

async function checkHeaders({ send }: TestClient): Promise<CheckOutcome> {
  const [found, missing] = [await send('/production-test'), await send('/production-test/no-such-route')];
  const both = [found, missing];
  return checkExpectations(
    [
      ...REQUIRED_HEADERS.map(([name, pattern]) => ({
        what: `${name} on responses and on errors`,
        met: both.every(({ headers }) => pattern.test(String(headers[name] ?? ''))),
        seen: found.headers[name],
      })),
      {
        what: 'no banner names the framework',
        met: both.every(({ headers }) => headers['x-powered-by'] === undefined && headers.server === undefined),
      },
      {
        what: 'errors are problem documents',
        met: String(missing.headers['content-type']).startsWith('application/problem+json'),
        seen: missing.headers['content-type'],
      },
    ],
    'Leave `headers` of SecurityModule at its default, and let no hook of the application remove these headers.',
  );
}

async function checkVersions({ send }: TestClient): Promise<CheckOutcome> {
  const path = '/production-test/compression/payload';
  const [plain, versioned, unknown] = [
    await send(path),
    await send(path, { version: '1' }),
    await send(path, { version: '99' }),
  ];
  return checkExpectations(
    [
      {
        what: 'version 1 returns the same status as no version',
        met: versioned.status === plain.status,
        seen: versioned.status,
      },
      { what: 'the route exists', met: plain.status !== 404, seen: plain.status },
      { what: 'version 99 is not found', met: unknown.status === 404, seen: unknown.status },
    ],
    'Call app.enableVersioning() once, before app.listen(), and let no middleware change paths or headers of versions.',
  );
}
