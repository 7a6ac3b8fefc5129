import { Injectable } from '@nestjs/common';
import { SelfClient } from '../self-client.js';
import { judge, type CheckFinding } from '../../reports/index.js';
import { SelfTest, type SelfTestCheck } from '../self-test.js';

/** Requests that `/production-test/rate-limit` allows an address in a minute. */
export const RATE_LIMIT = 10;

@Injectable()
@SelfTest()
export class RateLimitCheck implements SelfTestCheck {
  readonly name = 'rate-limit.address';
  readonly title = 'An address of its own sends more requests than a route allows, and is stopped in time.';
  readonly reference = 'OWASP ASVS 5.0 V2.4; RFC 6585 section 4';

  constructor(private readonly client: SelfClient) {}

  async run(): Promise<CheckFinding> {
    const from = this.client.ownAddress();
    const responses = [];
    for (let i = 0; i < RATE_LIMIT + 2; i++) {
      responses.push(
        await this.client.send('/production-test/rate-limit', { from, headers: { 'X-Forwarded-For': `10.0.0.${i}` } }),
      );
    }
    const statuses = responses.map(({ status }) => status);
    const admitted = statuses.filter((status) => status === 200).length;
    const retryAfter = Number(responses.at(-1)?.headers['retry-after']);
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
}

@Injectable()
@SelfTest()
export class CompressionCheck implements SelfTestCheck {
  readonly name = 'compression.encodings';
  readonly title = 'A large body is compressed for clients that ask for it, and only for them.';
  readonly reference = 'RFC 9110 section 8.4';

  constructor(private readonly client: SelfClient) {}

  async run(): Promise<CheckFinding> {
    const from = this.client.ownAddress();
    const fetch = (encoding: string) =>
      this.client.send('/production-test/compression/payload', { from, headers: { 'Accept-Encoding': encoding } });
    const [plain, gzip, brotli] = [await fetch('identity'), await fetch('gzip'), await fetch('br')];
    const expectation = (name: string, { headers, wireBytes }: typeof plain) => ({
      what: `${name} is used when asked for, and makes the body smaller`,
      met: headers['content-encoding'] === name && wireBytes < plain.wireBytes / 2,
      seen: { encoding: headers['content-encoding'], bytes: wireBytes, ofBytes: plain.wireBytes },
    });
    return judge(
      [
        expectation('gzip', gzip),
        expectation('br', brotli),
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
}

@Injectable()
@SelfTest()
export class HeadersCheck implements SelfTestCheck {
  readonly name = 'headers.suite';
  readonly title = 'Responses, errors among them, carry the security headers and no banner.';
  readonly reference = 'OWASP ASVS 5.0 V3.4';

  constructor(private readonly client: SelfClient) {}

  async run(): Promise<CheckFinding> {
    const from = this.client.ownAddress();
    const [found, missing] = [
      await this.client.send('/production-test', { from }),
      await this.client.send('/production-test/no-such-route', { from }),
    ];
    const required: [string, RegExp][] = [
      ['content-security-policy', /default-src 'none'/],
      ['permissions-policy', /camera=\(\)/],
      ['x-content-type-options', /^nosniff$/],
      ['x-frame-options', /^DENY$/i],
      ['referrer-policy', /no-referrer/],
      ['cross-origin-resource-policy', /^same-origin$/],
      ['cross-origin-opener-policy', /^same-origin$/],
      ['x-request-id', /^[\w.-]{8,64}$/],
    ];
    const both = [found, missing];
    return judge(
      [
        ...required.map(([name, pattern]) => ({
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
}
