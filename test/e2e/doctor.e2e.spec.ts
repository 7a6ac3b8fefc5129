import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import {
  DOCTOR_CHECKS,
  runDoctor,
  createPlan,
  Target,
  UnreachableError,
  watchRestart,
  type DoctorReport,
} from '../../src/doctor/index.js';
import { ACCOUNT, ALLOWED_ORIGIN, WeakApp } from '../fixtures/weak-app.js';
import { WEAKNESSES, type Weakness } from '../fixtures/weaknesses.js';
import { CertificateAuthority } from '../support/certificates.js';
import { testFolder } from '../support/folder.js';
import { onBothAdapters, TestApp } from '../support/harness.js';

const OPTIONS = { credentials: ACCOUNT, allowedOrigin: ALLOWED_ORIGIN, throttleRequests: 250 };
const OVER_TLS: Weakness[] = ['no-hsts', 'old-tls', 'plain-http'];

const unwell = ({ checks }: DoctorReport) =>
  checks
    .filter(({ status }) => status === 'warn' || status === 'fail')
    .map(({ check, evidence }) => ({ check, evidence }));

describe('the doctor', () => {
  let tls: { cert: string; key: string };
  beforeAll(async () => {
    const folder = await testFolder();
    const { certificate, key } = new CertificateAuthority(folder.path, 'doctor').issue('localhost');
    tls = { cert: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
    await folder.stop();
  });

  const finding = async (weaknesses: Weakness[], check: string) => {
    const isTls = weaknesses.some((weakness) => OVER_TLS.includes(weakness));
    const app = await WeakApp.start(weaknesses, isTls ? tls : undefined);
    try {
      const { checks } = await runDoctor(app.url, { ...OPTIONS, httpPort: app.httpPort, only: [check] });
      return checks[0];
    } finally {
      await app.stop();
      delete (Object.prototype as { doctorWasHere?: string }).doctorWasHere;
    }
  };

  it.each(Object.entries(WEAKNESSES))('finds %s (%s)', async (weakness, check) => {
    const found = await finding([weakness as Weakness], check);
    expect(found).toMatchObject({ check, remedy: expect.any(String), reference: expect.any(String) });
    expect(['warn', 'fail']).toContain(found?.status);
  });

  it('has a test case for each of its checks', () => {
    const elsewhere = ['tls.used', 'tls.certificate'];
    const covered = new Set<string>([...Object.values(WEAKNESSES), ...elsewhere]);
    expect(DOCTOR_CHECKS.map(({ name }) => name).filter((name) => !covered.has(name))).toEqual([]);
  });

  it('fails for plain HTTP on another machine', async () => {
    const check = DOCTOR_CHECKS.find(({ name }) => name === 'tls.used');
    const target = new Target(new URL('http://api.example.com'));
    expect(await check?.run({ target } as never)).toMatchObject({ status: 'fail' });
    expect(target.requestCount).toBe(0);
  });

  it('fails for an untrusted certificate', async () => {
    const app = await WeakApp.start([], tls);
    const { checks } = await runDoctor(app.url, { ...OPTIONS, httpPort: app.httpPort, only: ['tls'] });
    await app.stop();
    expect(checks.map(({ check, status }) => [check, status])).toEqual([
      ['tls.used', 'pass'],
      ['tls.versions', 'pass'],
      ['tls.certificate', 'fail'],
      ['tls.plain-http', 'pass'],
    ]);
  });

  it('finds nothing in a secure application, and sends no more requests than planned', async () => {
    const app = await WeakApp.start([]);
    const report = await runDoctor(app.url, OPTIONS);
    await app.stop();
    expect(unwell(report)).toEqual([]);
    expect(report.checks.filter(({ status }) => status === 'skip').map(({ check }) => check)).toEqual([
      'tls.used',
      'tls.versions',
      'tls.certificate',
      'tls.plain-http',
      'headers.hsts',
    ]);
    expect(report.requests).toBeLessThanOrEqual(createPlan(OPTIONS).maxRequests);
  });

  it('watches a restart and reports failed requests', async () => {
    const app = await WeakApp.start([]);
    const watch = (durationMs: number) => watchRestart(app.url, { durationMs, path: '/health/live' });
    expect(await watch(200)).toMatchObject({ check: 'restart.graceful', status: 'pass' });
    // The watch begins with one request that records the normal answer.
    const watched = watch(2_000);
    await app.answers(2);
    await app.stop();
    const { status, evidence } = await watched;
    expect(status).toBe('fail');
    expect(JSON.stringify(evidence)).toContain('ECONNREFUSED');
  });

  it('throws an error if the server does not answer', async () => {
    await expect(runDoctor(new URL('http://127.0.0.1:9'))).rejects.toThrow(UnreachableError);
  });
});

onBothAdapters('the doctor, run against the reference application', (adapter) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await TestApp.start({
      HTTP_ADAPTER: adapter,
      METRICS_TOKEN: 'a token for metrics, long enough',
      CORS_ORIGINS: ALLOWED_ORIGIN,
      THROTTLE_DEFAULT_LIMIT: '400',
      THROTTLE_AUTH_LIMIT: '40',
    });
  });
  afterAll(() => app.stop());

  it('reports no false alarm', async () => {
    const { email, password } = await app.register();
    const report = await runDoctor(new URL(app.baseUrl), {
      ...OPTIONS,
      credentials: { email, password },
      throttleRequests: 450,
    });
    expect(unwell(report)).toEqual([]);
    expect(report.summary.pass).toBeGreaterThanOrEqual(49);
  });
});
