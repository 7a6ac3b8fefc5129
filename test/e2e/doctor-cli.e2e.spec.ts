import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACCOUNT, WeakApp } from '../fixtures/weak-app.js';
import { Program } from '../support/program.js';
import { built } from '../support/built.js';

describe('nest-bulwark doctor', () => {
  let good: WeakApp;
  let bad: WeakApp;
  let odd: WeakApp;
  const folder = mkdtempSync(join(tmpdir(), 'bulwark-doctor-'));
  beforeAll(async () => {
    built();
    [good, bad, odd] = [
      await WeakApp.start([]),
      await WeakApp.start(['no-nosniff']),
      await WeakApp.start(['referrer']),
    ];
  });
  afterAll(async () => {
    await Promise.all([good, bad, odd].map((app) => app.stop()));
    rmSync(folder, { recursive: true });
  });

  const run = async (...args: string[]) => {
    const program = new Program('cli/main.js doctor', {}, undefined, args);
    return { code: await program.ends(), output: program.output };
  };

  it('prints the maximum number of requests first, and exits with 0 if all checks pass', async () => {
    const { code, output } = await run(good.url.href, '--only', 'headers');
    expect(code).toBe(0);
    expect(output).toMatch(/^9 checks, at most \d+ requests to http:\/\/127\.0\.0\.1:\d+\n/);
    expect(output).toContain('8 passed, 0 warned, 0 failed, 1 skipped; score 100 of 100');
  });

  it('exits with 1 if a check fails, and prints the remedy', async () => {
    const { code, output } = await run(bad.url.href, '--only', 'headers.nosniff');
    expect(code).toBe(1);
    expect(output).toContain('✘ Browsers must not guess media types headers.nosniff');
    expect(output).toContain('→ Send "X-Content-Type-Options: nosniff"');
  });

  it('exits with 1 for a warning only with --fail-on warn', async () => {
    const only = [odd.url.href, '--only', 'headers.referrer-policy'];
    expect((await run(...only)).code).toBe(0);
    expect((await run(...only, '--fail-on', 'warn')).code).toBe(1);
  });

  it.each([
    ['json', (text: string) => expect(JSON.parse(text)).toMatchObject({ status: 'fail', target: bad.url.href })],
    ['junit', (text: string) => expect(text).toMatch(/^<\?xml .*failures="1"/s)],
    ['sarif', (text: string) => expect(JSON.parse(text)).toMatchObject({ version: '2.1.0' })],
    ['github', (text: string) => expect(text).toMatch(/^::error title=headers\.nosniff/)],
  ])('writes its report as %s', async (format, check) => {
    const file = join(folder, format);
    expect((await run(bad.url.href, '--only', 'headers.nosniff', '--format', format, '-o', file)).code).toBe(1);
    check(readFileSync(file, 'utf8'));
  });

  it('logs in with an account from a file', async () => {
    const file = join(folder, 'account');
    writeFileSync(file, `${ACCOUNT.email}:${ACCOUNT.password}\n`);
    const { code, output } = await run(good.url.href, '--login', `@${file}`, '--only', 'authentication.lifetime', '-v');
    expect([code, output.includes('minutes: 15')]).toEqual([0, true]);
  });

  it.each([
    [['nonsense'], '"nonsense" is not a valid address. Write it like https://api.example.com'],
    [['ftp://example.com'], '"ftp://example.com" is not a valid address'],
    [
      ['http://127.0.0.1:9', '--format', 'xml'],
      '--format must be one of pretty, json, junit, sarif, github. "xml" is not allowed.',
    ],
    [['http://127.0.0.1:9', '--only', 'nothing'], 'is not the name of a check'],
    [['http://127.0.0.1:9', '--login', 'nobody'], 'Write --login as EMAIL:PASSWORD.'],
    [['http://127.0.0.1:9', '--throttle-requests', '-1'], '--throttle-requests'],
    [['http://127.0.0.1:9', '--token', '@/no/such/file'], '/no/such/file cannot be read'],
    [[], 'URL is missing.'],
  ])('refuses %j with exit code 64', async (args, message) => {
    const { code, output } = await run(...args);
    expect(output).toContain(message);
    expect(code).toBe(64);
  });

  it('exits with 69 if the application does not respond', async () => {
    const { code, output } = await run('http://127.0.0.1:9');
    expect([code, output.includes('does not respond: ECONNREFUSED')]).toEqual([69, true]);
  });
});
