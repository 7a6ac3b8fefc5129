import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setServerTimeouts } from '../../src/security/index.js';
import { User } from '../../src/users/index.js';
import { onBothAdapters, TestApp } from '../support/harness.js';

const ROOT = join(import.meta.dirname, '../..');

describe('the table of footguns in docs/security.md', () => {
  const specs = new Map(
    ['src', 'test'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.spec.ts'))
        .map((path) => [basename(path), join(ROOT, folder, path)] as const),
    ),
  );
  const rows = readFileSync(join(ROOT, 'docs/security.md'), 'utf8')
    .split('\n')
    .filter((line) => /^\| .*\.spec\.ts/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map(([, footgun = '', file = '', test = '']) => ({ footgun, file, test }));

  it('is read', () => {
    expect(rows.length).toBeGreaterThan(15);
  });

  it.each(rows)('names a test that exists: $footgun', ({ file, test }) => {
    const source = readFileSync(specs.get(file) ?? '', 'utf8');
    const isNamed = ["'", '`', '"'].some((quote) => source.includes(`${quote}${test}${quote}`));
    expect(isNamed, `${file} has no test "${test}"`).toBe(true);
  });
});

onBothAdapters('what goes wrong easily', (adapter) => {
  let app: TestApp;
  beforeAll(async () => (app = await TestApp.start({ HTTP_ADAPTER: adapter })));
  afterAll(() => app.stop());

  it('a look-up by nothing finds nobody, and not the first row', async () => {
    const { id } = await app.register();
    const users = app.app.get(DataSource).getRepository(User);
    expect(await users.findOneBy({ id })).toMatchObject({ id });
    await expect(users.findOneBy({ id: undefined })).rejects.toThrow(/undefined/i);
    await expect(users.findOne({ where: { id: undefined } })).rejects.toThrow(/undefined/i);
  });

  it('a client that is slow with its headers or its body is let go', async () => {
    const server = app.app.getHttpServer() as Server;
    const ofApp = { headers: server.headersTimeout, request: server.requestTimeout, idle: server.keepAliveTimeout };
    // Without them Node waits for a body for five minutes, and Fastify for ever.
    expect(ofApp).toEqual({ headers: 15_000, request: 120_000, idle: 72_000 });
    setServerTimeouts(server, { headersMs: 100, requestMs: 200, checkIntervalMs: 20 });
    // Node starts to look at its connections when it listens.
    server.emit('listening');
    const { hostname, port } = new URL(app.baseUrl);
    for (const begun of [
      'GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ',
      'POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    ]) {
      const socket = connect(Number(port), hostname);
      let answer = '';
      socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
      socket.on('error', () => undefined);
      socket.write(begun);
      await once(socket, 'close');
      expect(answer).toMatch(/^HTTP\/1\.1 408 |^$/);
    }
    setServerTimeouts(server);
    expect((await app.get('/livez')).status).toBe(200);
  });
});

describe('the check of regular expressions', () => {
  const file = join(tmpdir(), `bulwark-regex-${process.pid}.ts`);
  const check = () => spawnSync(process.execPath, ['scripts/check-regexes.mjs', file], { cwd: ROOT, encoding: 'utf8' });
  afterAll(() => rmSync(file, { force: true }));

  it('fails on one that is not linear', () => {
    // A client who sends "aaaa…!" would keep the process busy for years.
    writeFileSync(file, 'export const word = /^(?:a+)+$/;\n');
    const { status, stderr } = check();
    expect(status).toBe(1);
    expect(stderr).toContain(`${file}:1: /^(?:a+)+$/ is not linear (exponential`);
    writeFileSync(file, 'export const word = /^a+$/;\n');
    expect(check().status).toBe(0);
  });

  it('is part of lint', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: { lint: string } };
    expect(scripts.lint).toContain('node scripts/check-regexes.mjs');
  });
});
