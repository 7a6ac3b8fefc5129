import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { built } from '../support/built.js';
import { TestApp } from '../support/harness.js';
import { Program } from '../support/program.js';

const folder = mkdtempSync(join(tmpdir(), 'bulwark-cli-'));
beforeAll(built);
afterAll(() => rmSync(folder, { recursive: true }));

const run = async (command: string, args: string[] = [], env: Record<string, string> = {}) => {
  const program = new Program(`cli/main.js ${command}`, env, undefined, args);
  return { code: await program.ends(), output: program.output };
};

const PRODUCTION = {
  NODE_ENV: 'production',
  JWT_SECRET: 'Vw3k9QpXz7RmT2yLcB8nHd5sJfGa4eUo6iKxWqZr',
  PASSWORD_PEPPER: 'Nq8sLw2zXc5vBn7mKj4hGf6dSa9pOi3uYt1rEwQm',
  AUDIT_SEAL_SECRET: 'Zx6cVb3nMa9sDf2gHj5kLq8wEr1tYu4iOp7lKjHg',
  AUDIT_JOURNAL_DIR: '/var/lib/app/journal',
  METRICS_TOKEN: 'Hg5fDs2aPo9iUy6tRe3wQl8kJm1nBv4cXz7lKjHg',
  DATABASE_URL: 'postgres://app:k3Jq9Vx2@db.internal/app?sslmode=verify-full',
  REDIS_URL: 'rediss://:k3Jq9Vx2@redis.internal',
  MAIL_URL: 'smtps://mail.example.com',
};

describe('nest-bulwark config check', () => {
  it('exits with 0 for a complete configuration without a database connection, and shows no secret', async () => {
    const { code, output } = await run('config check', ['--verbose', '--fail-on', 'warn'], PRODUCTION);
    expect(output).toContain('0 warned, 0 failed');
    expect(output).not.toContain('k3Jq9Vx2');
    expect(code).toBe(0);
  });

  it('exits with 1 and a remedy for a setting that is unsafe in production', async () => {
    const { code, output } = await run('config check', [], { ...PRODUCTION, JWT_ACCESS_TTL: '12h' });
    expect([code, output.includes('→ Lower JWT_ACCESS_TTL')]).toEqual([1, true]);
  });

  it('reports a connection without TLS, a weak secret and a development server open to other machines', async () => {
    const clear = { DATABASE_URL: 'postgres://app:k3Jq9Vx2@db.internal/app', PASSWORD_PEPPER: 'changeme' };
    const refused = await run('config check', [], { ...PRODUCTION, ...clear });
    expect(refused.code).toBe(78);
    expect(refused.output).toContain('DATABASE_URL: reaches another machine without TLS');
    expect(refused.output).toContain('or allow it with DATABASE_TLS=off');
    expect(refused.output).toContain('PASSWORD_PEPPER: has 8 bytes, fewer than 32');
    const allowed = await run('config check', [], {
      ...PRODUCTION,
      DATABASE_URL: clear.DATABASE_URL,
      DATABASE_TLS: 'off',
    });
    expect(allowed.output).toContain('config.database-tls');
    const development = await run('config check', [], { HOST: '0.0.0.0' });
    expect(development.output).toContain('config.host');
  });

  it('exits with 78 for a configuration that the application would refuse', async () => {
    const { code, output } = await run('config check', [], { ...PRODUCTION, PORT: 'three' });
    expect([code, output.includes('PORT')]).toEqual([78, true]);
  });
});

describe('nest-bulwark doctor --local', () => {
  it('checks configuration, process and build', async () => {
    const { output } = await run('doctor', ['--local', '--format', 'json'], PRODUCTION);
    const { checks } = JSON.parse(output) as { checks: { check: string; status: string }[] };
    const statusOf = (name: string) => checks.find(({ check }) => check === name)?.status;
    expect(statusOf('config.signing-key')).toBe('pass');
    expect(statusOf('build.present')).toBe('pass');
    expect(statusOf('build.development-packages')).toBe('warn');
    expect(statusOf('runtime.certificates')).toBe('pass');
  });
});

describe('nest-bulwark keys rotate', () => {
  const file = join(folder, 'keys.json');
  const rotate = (...args: string[]) => run('keys rotate', ['--file', file, ...args]);
  const keys = () => (JSON.parse(readFileSync(file, 'utf8')) as { keys: { kid: string; alg: string }[] }).keys;

  it('changes the key in three steps, and accepts existing tokens until the old key is removed', async () => {
    expect((await rotate('--step', 'add', '--algorithm', 'ES256')).code).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const [old] = keys();
    const start = () => TestApp.start({ JWT_SECRET: '', JWT_KEYS_FILE: file });
    let app = await start();
    const { token } = await app.register();
    for (const step of ['add', 'use']) {
      expect((await rotate('--step', step)).code).toBe(0);
      await app.stop();
      app = await start();
      expect((await app.get('/auth/profile', { token })).status).toBe(200);
    }
    expect(keys().map(({ alg }) => alg)).toEqual(['EdDSA', 'ES256']);
    expect((await rotate('--step', 'remove')).output).toMatch(/^signs: \S+ EdDSA\n$/);
    expect(keys()).not.toContainEqual(old);
    await app.stop();
    app = await start();
    expect((await app.get('/auth/profile', { token })).status).toBe(401);
    await app.stop();
  });

  it.each([
    [['--step', 'swap'], 64, '--step must be one of add, use, remove'],
    [['--step', 'add', '--algorithm', 'none'], 64, '--algorithm must be one of EdDSA, ES256, HS256'],
    [[], 64, '--step is missing'],
  ])('refuses %j', async (args, code, message) => {
    const before = readFileSync(file, 'utf8');
    const answer = await rotate(...args);
    expect([answer.code, answer.output.includes(message)]).toEqual([code, true]);
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  it('does not change a file that is not a key ring', async () => {
    const other = join(folder, 'other.json');
    writeFileSync(other, 'something else');
    const { code, output } = await run('keys rotate', ['--file', other, '--step', 'add']);
    expect([code, output.includes('is not a JWK Set')]).toEqual([65, true]);
    expect(readFileSync(other, 'utf8')).toBe('something else');
  });
});
