import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { VersioningType, type INestApplication, type ModuleMetadata, type VersioningOptions } from '@nestjs/common';
import { RouterModule, type AbstractHttpAdapter } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sendRequest } from '../../src/doctor/index.js';
import { BulwarkModule, fromEnvironment, hardenApp, type ModuleOptions } from '../../src/index.js';
import { HealthModule } from '../../src/health/index.js';
import { ProductionTestModule } from '../../src/production-test/index.js';
import type { CheckResult } from '../../src/reports/index.js';
import { SecurityModule } from '../../src/security/index.js';
import { ThrottlerModule } from '../../src/throttler/index.js';
import { CertificateAuthority } from '../support/certificates.js';
import { testDatabase } from '../support/database.js';
import { testFolder } from '../support/folder.js';
import { onBothAdapters, type AdapterName } from '../support/harness.js';
import { KeptLog, PlainApp } from '../support/plain-app.js';
import { freePort } from '../support/ports.js';

type Imports = NonNullable<ModuleMetadata['imports']>;

const PASSWORD = 'correct horse battery';
const TESTS = ProductionTestModule.forRoot({ adminOnly: false });
const SECRET = 'a secret of the test suite, long enough for HS256';

let folder: Awaited<ReturnType<typeof testFolder>>;
beforeAll(async () => {
  folder = await testFolder();
});
afterAll(() => folder.stop());

const environment = async (changes: Record<string, string> = {}) => ({
  NODE_ENV: 'test',
  DATABASE_URL: await testDatabase(),
  JWT_SECRET: SECRET,
  BCRYPT_COST: '4',
  PRODUCTION_TEST_TIMEOUT: '60s',
  DATA_DIR: folder.path,
  AUDIT_DIGEST_DIR: join(folder.path, 'digests'),
  AUDIT_JOURNAL_DIR: join(folder.path, 'journal'),
  ...changes,
});

async function startSuite(
  adapter: AdapterName,
  prepare: (app: INestApplication) => void,
  { env, options, imports = [] }: { env?: Record<string, string>; options?: ModuleOptions; imports?: Imports } = {},
): Promise<PlainApp> {
  const given = fromEnvironment(await environment(env));
  const suite = BulwarkModule.forRoot({ ...given, ...options });
  return PlainApp.start(adapter, { imports: [suite, ...imports] }, (app) => {
    prepare(app);
    hardenApp(app, { signals: false, logger: new KeptLog() });
  });
}

async function run(app: PlainApp, path = '/production-test/all-features', call = {}): Promise<CheckResult[]> {
  const { body } = await app.get(path, call);
  expect(body.checks).toEqual(expect.any(Array));
  return body.checks;
}

const groupOf = ({ check }: CheckResult) => check.split('.')[0] ?? '';
const failed = (checks: CheckResult[]) => checks.filter(({ status }) => status === 'fail');
const find = (checks: CheckResult[], name: string) => checks.find(({ check }) => check === name);

onBothAdapters('the self-tests in an application with its own main.ts', (adapter) => {
  it('run with two modules, and skip the checks of the others with the module to import', async () => {
    const imports = [HealthModule.forRoot({}), SecurityModule.forRoot({}), TESTS];
    const app = await PlainApp.start(adapter, { imports }, (own) => hardenApp(own, { signals: false }));
    const checks = await run(app);
    expect(failed(checks)).toEqual([]);
    for (const name of ['headers.suite', 'headers.nosniff', 'probes.live', 'probes.ready', 'config.body-limit']) {
      expect(find(checks, name)).toMatchObject({ status: 'pass' });
    }
    const absent: [group: string, module: string][] = [
      ['auth-flow', 'AuthModule'],
      ['protected', 'AuthModule'],
      ['roles', 'AuthModule'],
      ['authentication', 'AuthModule'],
      ['privacy', 'AuthModule'],
      ['audit', 'AuditModule'],
      ['cache', 'CacheModule'],
      ['rate-limit', 'ThrottlerModule'],
      ['throttle', 'ThrottlerModule'],
      ['database', 'DatabaseModule'],
      ['redis', 'RedisModule'],
    ];
    for (const [group, module] of absent) {
      const ofGroup = checks.filter((check) => groupOf(check) === group);
      expect(ofGroup.length).toBeGreaterThan(0);
      const reason = `${module} is not imported: add ${module}.forRoot({ … }) to the imports of the root module`;
      for (const check of ofGroup) expect(check).toMatchObject({ status: 'skip', evidence: { reason } });
    }
    await app.stop();
  });

  it('run without any other module, and without hardenApp()', async () => {
    const app = await PlainApp.start(adapter, { imports: [TESTS] });
    const checks = await run(app);
    expect(failed(checks)).toEqual([]);
    expect(find(checks, 'headers.suite')).toMatchObject({ status: 'skip' });
    expect((await app.get('/production-test/protected')).status).toBe(401);
    expect((await app.get('/production-test/roles/admin-only')).status).toBe(403);
    expect((await app.get('/production-test/report')).status).toBe(200);
    await app.stop();
  });

  it('test the limits of an application with ThrottlerModule only', async () => {
    const app = await PlainApp.start(adapter, { imports: [ThrottlerModule.forRoot({}), TESTS] });
    const checks = await run(app);
    expect(failed(checks)).toEqual([]);
    for (const name of ['rate-limit.address', 'throttle.general', 'config.limit-default']) {
      expect(find(checks, name)).toMatchObject({ status: 'pass' });
    }
    await app.stop();
  });

  it('are closed to everybody if they are for administrators and nobody authenticates callers', async () => {
    const app = await PlainApp.start(adapter, { imports: [ProductionTestModule.forRoot()] });
    for (const path of ['', '/headers', '/all-features', '/history', '/all-features/stream']) {
      expect((await app.get(`/production-test${path}`)).status).toBe(403);
    }
    await app.stop();
  });

  it('test all modules behind a prefix, with versions in a header', async () => {
    const app = await startSuite(adapter, (own) => {
      own.setGlobalPrefix('api');
      own.enableVersioning({ type: VersioningType.HEADER, header: 'X-Version', defaultVersion: '1' });
    });
    const user = { email: `own-main-test-${adapter}@example.com`, password: PASSWORD, name: 'Ada' };
    const token: string = (await app.post('/api/auth/register', user)).body.accessToken;
    const checks = await run(app, '/api/production-test/all-features', { token });
    expect(failed(checks)).toEqual([]);
    expect(find(checks, 'versioning.uri')).toMatchObject({ status: 'pass' });
    for (const group of ['auth-flow', 'audit', 'headers', 'authentication', 'probes', 'bodies', 'cache', 'roles']) {
      const statuses = checks.filter((check) => groupOf(check) === group).map(({ status }) => status);
      expect([group, statuses]).toEqual([group, expect.arrayContaining(['pass'])]);
      expect([group, statuses]).not.toEqual([group, expect.arrayContaining(['warn'])]);
    }
    await app.stop();
  });

  const kinds: [kind: string, versioning: VersioningOptions | undefined, status: string][] = [
    ['no versions', undefined, 'skip'],
    ['versions in the path', { type: VersioningType.URI }, 'pass'],
    ['another prefix of versions', { type: VersioningType.URI, prefix: 'release-' }, 'pass'],
    ['versions in the media type', { type: VersioningType.MEDIA_TYPE, key: 'v=' }, 'pass'],
    ['versions by a function', { type: VersioningType.CUSTOM, extractor: () => '1' }, 'skip'],
  ];
  it.each(kinds)('find their routes behind prefixes, with %s', async (_kind, versioning, status) => {
    const imports = [
      SecurityModule.forRoot({}),
      HealthModule.forRoot({}),
      TESTS,
      RouterModule.register([{ path: 'ops', module: ProductionTestModule }]),
    ];
    const app = await PlainApp.start(adapter, { imports }, (own) => {
      own.setGlobalPrefix('api');
      if (versioning) own.enableVersioning(versioning);
      hardenApp(own, { signals: false });
    });
    const checks = await run(app, '/api/ops/production-test/all-features');
    expect(failed(checks)).toEqual([]);
    expect(find(checks, 'versioning.uri')).toMatchObject({ status });
    expect(find(checks, 'headers.suite')).toMatchObject({ status: 'pass' });
    expect(find(checks, 'probes.ready')).toMatchObject({ status: 'pass' });
    await app.stop();
  });

  it('judge the options of the modules if they differ from the environment', async () => {
    const app = await startSuite(adapter, () => undefined, {
      env: { BCRYPT_COST: '12', CORS_ORIGINS: 'https://app.example.com', SHUTDOWN_DRAIN_DELAY: '5s' },
      options: {
        auth: { secret: SECRET, bcryptCost: 5, accessTtlMs: 7_200_000 },
        security: { cors: { origins: ['*'] } },
        shutdown: { drainDelayMs: 0 },
        throttler: { tiers: { default: { limit: 100_000 } } },
      },
    });
    const checks = await run(app, '/production-test/config');
    const remedies: [check: string, remedy: string][] = [
      ['config.bcrypt-cost', 'Raise BCRYPT_COST (`bcryptCost` of AuthModule);'],
      ['config.access-ttl', 'Lower JWT_ACCESS_TTL (`accessTtlMs` of AuthModule);'],
      ['config.cors-origins', 'List the exact origins in CORS_ORIGINS (`cors.origins` of SecurityModule).'],
      ['config.limit-default', 'Lower THROTTLE_DEFAULT_LIMIT (`tiers.default.limit` of ThrottlerModule)'],
    ];
    for (const [check, remedy] of remedies) {
      expect(find(checks, check)).toMatchObject({ status: 'warn', remedy: expect.stringContaining(remedy) });
    }
    expect(find(await run(app, '/production-test/shutdown'), 'shutdown.drain-delay')?.status).toBe('warn');
    await app.stop();
  });

  it('name no variable in an application that does not use the environment', async () => {
    const imports = [SecurityModule.forRoot({ cors: { origins: ['*'] } }), TESTS];
    const app = await PlainApp.start(adapter, { imports });
    const { remedy } = find(await run(app, '/production-test/config'), 'config.cors-origins') ?? {};
    expect(remedy).toBe('List the exact origins in `cors.origins` of SecurityModule.');
    await app.stop();
  });

  it('use the main port if there is a management port', async () => {
    const app = await startSuite(adapter, () => undefined, {
      env: { MANAGEMENT_PORT: String(await freePort()), THROTTLE_AUTH_LIMIT: '25' },
    });
    const user = { email: `managed-${adapter}@example.com`, password: PASSWORD, name: 'Ada' };
    const token: string = (await app.post('/auth/register', user)).body.accessToken;
    const checks = await run(app, '/production-test/all-features', { token });
    expect(failed(checks)).toEqual([]);
    expect(find(checks, 'probes.ready')).toMatchObject({ status: 'pass' });
    await app.stop();
  });
});

describe('the self-tests over HTTPS in the process', () => {
  let files: { certificate: string; key: string };
  let other: { certificate: string; key: string };
  beforeAll(() => {
    // Nobody trusts the authority, and the certificate is for another name than 127.0.0.1.
    const authority = new CertificateAuthority(folder.path, 'authority');
    [files, other] = [authority.issue('shop.example'), authority.issue('other.example')];
  });

  const optionsOf = ({ certificate, key }: typeof files) => ({
    cert: readFileSync(certificate),
    key: readFileSync(key),
  });

  it.each(['express', 'fastify'] as const)('accept the own certificate: %s', async (adapter) => {
    const imports = [SecurityModule.forRoot({}), ThrottlerModule.forRoot({}), HealthModule.forRoot({}), TESTS];
    const https = optionsOf(files);
    const tlsAdapter = new FastifyAdapter({ https }) as unknown as AbstractHttpAdapter;
    const app =
      adapter === 'fastify'
        ? await PlainApp.start(tlsAdapter, { imports })
        : await PlainApp.start(adapter, { imports }, undefined, { httpsOptions: https });
    const { port } = (app.app.getHttpServer() as Server).address() as AddressInfo;
    const { json } = await sendRequest(
      new URL(`https://127.0.0.1:${port}`),
      '/production-test/all-features',
      {},
      {
        timeoutMs: 60_000,
      },
    );
    const { checks } = json as { checks: CheckResult[] };
    expect(failed(checks)).toEqual([]);
    for (const name of ['headers.suite', 'rate-limit.address', 'headers.nosniff', 'probes.live']) {
      expect(find(checks, name)).toMatchObject({ status: 'pass' });
    }
    await app.stop();
  });

  it('accept no other certificate', async () => {
    const server = createServer(optionsOf(other), (_request, response) => response.end('{}')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const fingerprintOf = (file: string) => new X509Certificate(readFileSync(file)).fingerprint256;
    const send = (fingerprint: string) => sendRequest(url, '/', {}, { timeoutMs: 10_000, fingerprint });
    expect((await send(fingerprintOf(other.certificate))).status).toBe(200);
    await expect(send(fingerprintOf(files.certificate))).rejects.toThrow('another certificate than expected');
    server.close();
    server.closeAllConnections();
  });
});
