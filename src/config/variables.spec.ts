import { describe, expect, it } from 'vitest';
import { problemsOf, refusalOf } from '../../test/support/config.js';
import { loadConfig } from './load-config.js';

const REFUSED: [variable: string, value: string, cause: string][] = [
  ['NODE_ENV', 'prod', '"prod" is none of development, test, production'],
  ['NODE_ENV', 'Production', '"Production" is none of'],
  ['PORT', '65536', '"65536" is not a whole number from 0 to 65535'],
  ['PORT', '-1', '"-1" is not a whole number'],
  ['PORT', '1e3', '"1e3" is not a whole number'],
  ['PORT', '0x50', '"0x50" is not a whole number'],
  ['PORT', '٣٠٠٠', 'is not a whole number'],
  ['HTTP_ADAPTER', 'koa', '"koa" is none of fastify, express'],
  ['LOG_LEVEL', 'loud', '"loud" is none of fatal, error, warn, info, debug, trace, silent'],
  ['CORS_CREDENTIALS', 'yes', '"yes" is neither true nor false'],
  ['JWT_ACCESS_TTL', '900', '"900" has no unit'],
  ['JWT_ACCESS_TTL', '0s', '"0s" is not from 1s to 3650d'],
  ['JWT_ACCESS_TTL', '500ms', '"500ms" is not from 1s to 3650d'],
  ['DATABASE_STATEMENT_TIMEOUT', '0ms', '"0ms" is not from 1ms to 24d'],
  ['THROTTLE_AI_TTL', '25d', '"25d" is not from 1ms to 24d'],
  ['THROTTLE_AUTH_LIMIT', '0', '"0" is not a whole number from 1 to'],
  ['BODY_LIMIT', '1048576', '"1048576" has no unit'],
  ['BODY_LIMIT', '0kb', '"0kb" is not from 1b to 1gb'],
  ['BCRYPT_COST', '31', '"31" is not a whole number from 4 to 20'],
  ['ADMIN_EMAIL', 'root', 'is not an email address'],
  ['SENTRY_DSN', 'sentry.example/1', 'is not a URL that begins with https:// or http://'],
  ['CORS_ORIGINS', 'https://app.example/', 'spelt otherwise: https://app.example'],
  ['CORS_ORIGINS', 'https://app.example/app', 'spelt otherwise: https://app.example'],
  ['CORS_ORIGINS', 'https://App.example:443', 'spelt otherwise: https://app.example'],
  ['CORS_ORIGINS', 'https://ok.example,app.example', '"app.example" is not an origin'],
  ['CORS_ORIGINS', 'https://*.example', 'lets in strangers'],
  ['CORS_ORIGINS', 'https://app.*.example', 'is no pattern'],
  ['IP_DENY', '10.0.0.0/33', 'neither an address nor a network'],
  ['CORS_ORIGINS', 'null', '"null" is not an origin'],
  ['CORS_ORIGINS', 'ftp://app.example', 'is not an origin'],
  ['TRUST_PROXY', 'true', '"true" is refused; give the number of proxies'],
  ['TRUST_PROXY', '-1', '"-1" is refused'],
  ['TRUST_PROXY', '100', '"100" is refused'],
  ['TRUST_PROXY', '10.0.0.0/99', '"10.0.0.0/99" is refused'],
  ['TRUST_PROXY', '10.0.0.0/33', '"10.0.0.0/33" is refused'],
  ['TRUST_PROXY', '::1/129', '"::1/129" is refused'],
  ['TRUST_PROXY', '0.0.0.0/0', '"0.0.0.0/0" is refused'],
  ['TRUST_PROXY', '::/0', '"::/0" is refused'],
  ['TRUST_PROXY', '999.1.1.1', '"999.1.1.1" is refused'],
  ['TRUST_PROXY', '10.1/16', '"10.1/16" is refused'],
  ['TRUST_PROXY', '10.0.0.0/', '"10.0.0.0/" is refused'],
  ['TRUST_PROXY', 'fe80::1%eth0', '"fe80::1%eth0" is refused'],
  ['TRUST_PROXY', 'proxy.internal', '"proxy.internal" is refused'],
  ['TRUST_PROXY', '10.0.0.1,', '"" is refused'],
];

describe('a variable', () => {
  it.each(REFUSED)('%s refuses %j', (variable, value, cause) => {
    expect(problemsOf({ [variable]: value })).toEqual([expect.stringContaining(`${variable}: `)]);
    expect(problemsOf({ [variable]: value })).toEqual([expect.stringContaining(cause)]);
  });

  it.each(['', '   '])('counts as unset when it is %j', (value) => {
    expect(loadConfig({ PORT: value, JWT_SECRET: value, DATABASE_URL: value }).config).toEqual(loadConfig({}).config);
  });

  it('can have spaces before and after its value', () => {
    const { config } = loadConfig({ NODE_ENV: ' test ', PORT: ' 80 ', JWT_ACCESS_TTL: ' 5 s ', ADMIN_EMAIL: '' });
    expect([config.mode, config.http.port, config.auth.accessTtlMs]).toEqual(['test', 80, 5_000]);
  });

  it('keeps every character of a secret', () => {
    expect(loadConfig({ JWT_SECRET: ' a b ' }).config.auth.secret).toBe(' a b ');
  });

  it('is refused with a remedy that shows its purpose and its default', () => {
    expect(refusalOf({ JWT_ACCESS_TTL: '15' })?.problems[0]?.remedy).toBe(
      'correct it, or remove it for 15m. Life of an access token.',
    );
  });

  it('causes a warning if no code reads it', () => {
    expect(loadConfig({ SENTRY_DSN: 'https://key@sentry.example/1' }).warnings).toEqual([
      'SENTRY_DSN is set, and this version has nothing that reads it',
    ]);
    expect(loadConfig({ PORT: '80' }).warnings).toEqual([]);
  });
});

describe('TRUST_PROXY', () => {
  it.each<[string, number | string[] | false]>([
    ['false', false],
    ['0', false],
    ['1', 1],
    ['loopback', ['loopback']],
    ['10.0.0.0/8, ::1/128', ['10.0.0.0/8', '::1/128']],
    ['192.0.2.1,2001:db8::/32', ['192.0.2.1', '2001:db8::/32']],
  ])('%j is %j', (text, value) => {
    expect(loadConfig({ TRUST_PROXY: text }).config.http.trustProxy).toEqual(value);
  });
});

describe('CORS_ORIGINS', () => {
  it.each<[string, string[]]>([
    ['https://app.example', ['https://app.example']],
    ['https://a.example, http://localhost:5173,', ['https://a.example', 'http://localhost:5173']],
    ['http://[::1]:3000', ['http://[::1]:3000']],
    ['*', ['*']],
  ])('%j is %j', (text, value) => {
    expect(loadConfig({ CORS_ORIGINS: text }).config.http.corsOrigins).toEqual(value);
  });
});
