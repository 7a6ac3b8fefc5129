import { describe, expect, it } from 'vitest';
import { PRODUCTION, problemsOf, refusalOf } from '../../test/support/config.js';
import { loadConfig } from './load-config.js';

describe('a configuration with problems', () => {
  it('is refused with one message that lists each problem and its remedy', () => {
    const error = refusalOf({
      NODE_ENV: 'production',
      JWT_ACCESS_TTL: '15',
      METRICS_TOKEN_FILE: '/none',
      CORS_ORIGINS: '*',
      CORS_CREDENTIALS: 'true',
    });
    expect(error?.exitCode).toBe(78);
    expect(error?.message).toBe(
      [
        'The configuration has 5 problems:',
        '  JWT_ACCESS_TTL: "15" has no unit; write one of ms, s, m, h, d, such as 15m',
        '    → correct it, or remove it for 15m. Life of an access token.',
        '  METRICS_TOKEN_FILE: names a file that cannot be read (ENOENT)',
        '    → check the path, and that the user of this process may read it',
        '  CORS_ORIGINS: * together with CORS_CREDENTIALS would let every site act as the signed-in user',
        '    → list the origins, or set CORS_CREDENTIALS=false',
        '  JWT_SECRET: is required in production',
        '    → make one with: openssl rand -base64 48',
        '  DATABASE_URL: is required in production: the embedded database has no replicas, backups or upgrades',
        '    → set it to a PostgreSQL server, or allow it with DATABASE_EMBEDDED_IN_PRODUCTION=true',
      ].join('\n'),
    );
  });

  it('is refused without problems that only follow from another problem', () => {
    expect(problemsOf({ ...PRODUCTION, DATABASE_URL: 'db' })).toEqual([
      expect.stringMatching(/^DATABASE_URL: does not/),
    ]);
    expect(problemsOf({ ...PRODUCTION, JWT_SECRET: '', JWT_PRIVATE_KEY_FILE: '/none' })).toHaveLength(1);
    expect(problemsOf({ DATABASE_POOL_MAX: 'x', DATABASE_POOL_MIN: '500' })).toHaveLength(1);
    expect(problemsOf({ ADMIN_EMAIL: 'x', ADMIN_PASSWORD: 'long enough' })).toHaveLength(1);
  });

  it('is refused without printing an invalid secret', () => {
    const secret = 'h5Kq2wZt';
    const secrets = {
      JWT_SECRET: secret,
      JWT_PRIVATE_KEY: secret,
      DATABASE_URL: `mysql://u:${secret}@h/db`,
      REDIS_URL: `redis://u:${secret}@h1,h2`,
      METRICS_TOKEN: secret,
      ADMIN_EMAIL: 'x',
      ADMIN_PASSWORD: secret.slice(0, 7),
      SENTRY_DSN: secret,
    };
    const error = refusalOf({ NODE_ENV: 'production', ...secrets });
    const named = new Set(error?.problems.map(({ variable }) => variable));
    expect([...named].toSorted()).toEqual(Object.keys(secrets).toSorted());
    expect(JSON.stringify([error?.message, error?.problems])).not.toContain(secret.slice(0, 7));
  });
});

describe('the configuration', () => {
  it('has the default values if the environment is empty', () => {
    const { config, warnings } = loadConfig({});
    expect(config).toMatchObject({
      mode: 'development',
      http: { port: 3000, adapter: 'fastify', trustProxy: false, bodyLimitBytes: 1_048_576, corsOrigins: [] },
      database: { url: undefined, dataDir: '.data', poolMin: 5, poolMax: 20, startTimeoutMs: 30_000 },
      auth: { accessTtlMs: 900_000, refreshTtlMs: 2_592_000_000, bcryptCost: 12, admin: undefined },
      throttle: { default: { limit: 100, ttlMs: 60_000 }, ai: { limit: 20, ttlMs: 3_600_000 } },
      productionTest: { enabled: true, timeoutMs: 10_000 },
    });
    expect(warnings).toEqual([]);
  });

  it('disables the production test in production by default', () => {
    expect(loadConfig(PRODUCTION).config.productionTest.enabled).toBe(false);
    expect(loadConfig({ ...PRODUCTION, PRODUCTION_TEST_ENABLED: 'true' }).config.productionTest.enabled).toBe(true);
  });

  it('contains the email and the password of the first administrator', () => {
    const env = { ADMIN_EMAIL: ' root@example.com ', ADMIN_PASSWORD: 'long enough' };
    expect(loadConfig(env).config.auth.admin).toEqual({ email: 'root@example.com', password: 'long enough' });
  });

  it('is frozen at every level', () => {
    const env = { TRUST_PROXY: '10.0.0.0/8', ADMIN_EMAIL: 'root@example.com', ADMIN_PASSWORD: 'long enough' };
    const { config } = loadConfig({ ...PRODUCTION, ...env });
    const objects: object[] = [config];
    for (const object of objects) {
      objects.push(...Object.values(object).filter((inner) => typeof inner === 'object' && inner !== null));
    }
    expect(objects.length).toBeGreaterThan(15);
    expect(objects.filter((object) => !Object.isFrozen(object))).toEqual([]);
    expect(() => Object.assign(config.auth, { secret: 'x' })).toThrow(TypeError);
  });
});
