import { Injectable } from '@nestjs/common';
import type { Answer } from '../../doctor/index.js';
import { judge, type CheckFinding } from '../../reports/index.js';
import { SelfClient, type Visitor } from '../self-client.js';
import { SelfTest, type SelfTestSuite } from '../self-test.js';

/** Requests that `/production-test/rate-limit` allows an address in a minute. */
export const RATE_LIMIT = 10;

/** What any client sees of the application, each check as a client of its own. */
@Injectable()
@SelfTest()
export class HttpChecks implements SelfTestSuite {
  readonly checks = [
    {
      name: 'rate-limit.address',
      title: 'An address of its own sends more requests than a route allows, and is stopped in time.',
      reference: 'OWASP ASVS 5.0 V2.4; RFC 6585 section 4',
      run: () => limits(this.client.visitor()),
    },
    {
      name: 'compression.encodings',
      title: 'A large body is compressed for clients that ask for it, and only for them.',
      reference: 'RFC 9110 section 8.4',
      run: () => compression(this.client.visitor()),
    },
    {
      name: 'headers.suite',
      title: 'Responses, errors among them, carry the security headers and no banner.',
      reference: 'OWASP ASVS 5.0 V3.4',
      run: () => headers(this.client.visitor()),
    },
    {
      name: 'versioning.uri',
      title: 'Routes answer under their version, and unknown versions do not',
      reference: 'Nest: URI versioning',
      run: () => versions(this.client.visitor()),
    },
  ];

  constructor(private readonly client: SelfClient) {}
}

async function limits({ send }: Visitor): Promise<CheckFinding> {
  const answers: Answer[] = [];
  for (let i = 0; i < RATE_LIMIT + 2; i++) {
    answers.push(await send('/production-test/rate-limit', { headers: { 'X-Forwarded-For': `10.0.0.${i}` } }));
  }
  const statuses = answers.map(({ status }) => status);
  const admitted = statuses.filter((status) => status === 200).length;
  const retryAfter = Number(answers.at(-1)?.headers['retry-after']);
  return judge(
    [
      { what: `${RATE_LIMIT} requests are admitted`, met: admitted === RATE_LIMIT, seen: admitted },
      {
        what: 'the next are answered 429',
        met: statuses.slice(RATE_LIMIT).every((status) => status === 429),
        seen: statuses,
      },
      { what: 'Retry-After says when to come back', met: retryAfter > 0 && retryAfter <= 120, seen: retryAfter },
    ],
    'Import ThrottlerModule. If more were admitted, TRUST_PROXY believes a header that every client can write.',
  );
}

async function compression({ send }: Visitor): Promise<CheckFinding> {
  const fetch = (encoding: string) =>
    send('/production-test/compression/payload', { headers: { 'Accept-Encoding': encoding } });
  const [plain, gzip, brotli] = [await fetch('identity'), await fetch('gzip'), await fetch('br')];
  const isUsed = (name: string, { headers: { 'content-encoding': encoding }, bytes }: Answer) => ({
    what: `${name} is used when asked for, and makes the body smaller`,
    met: encoding === name && bytes < plain.bytes / 2,
    seen: { encoding, bytes, ofBytes: plain.bytes },
  });
  return judge(
    [
      isUsed('gzip', gzip),
      isUsed('br', brotli),
      {
        what: 'a client that asks for none gets the body as it is',
        met: plain.headers['content-encoding'] === undefined,
        seen: plain.headers['content-encoding'],
      },
      {
        what: 'caches are told by Vary',
        met: /accept-encoding/i.test(gzip.headers.vary ?? ''),
        seen: gzip.headers.vary,
      },
    ],
    'Register compression before the routes, or leave it to the proxy in front and ignore this.',
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

async function headers({ send }: Visitor): Promise<CheckFinding> {
  const [found, missing] = [await send('/production-test'), await send('/production-test/no-such-route')];
  const both = [found, missing];
  return judge(
    [
      ...REQUIRED_HEADERS.map(([name, pattern]) => ({
        what: `${name} on answers and on errors`,
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
    'Start the application by createApp(), and let the proxy in front pass these headers through.',
  );
}

async function versions({ send }: Visitor): Promise<CheckFinding> {
  const [plain, versioned, unknown] = [
    await send('/auth/profile'),
    await send('/v1/auth/profile'),
    await send('/v99/auth/profile'),
  ];
  return judge(
    [
      { what: '/v1 answers as without a version', met: versioned.status === plain.status, seen: versioned.status },
      { what: 'the route is there', met: plain.status !== 404, seen: plain.status },
      { what: '/v99 is not found', met: unknown.status === 404, seen: unknown.status },
    ],
    'Call enableVersioning({ type: VersioningType.URI, defaultVersion: "1" }), as createApp() does.',
  );
}
