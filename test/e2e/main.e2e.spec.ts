import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestClient, type Answer, type Call } from '../support/client.js';
import { freshDatabase } from '../support/database.js';
import { testFolder } from '../support/folder.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { Program } from '../support/program.js';

const REQUESTS: readonly [method: string, path: string, call: Call][] = [
  ['GET', '/health/live', {}],
  ['GET', '/livez', {}],
  ['GET', '/v1/health/live', {}],
  ['GET', '/auth/profile', {}],
  ['GET', '/v1/auth/profile', {}],
  ['GET', '/v2/auth/profile', {}],
  ['GET', '/no-such-route', {}],
  ['GET', '/%zz', {}],
  ['POST', '/auth/login', { body: '{', headers: { 'Content-Type': 'application/json' } }],
  ['POST', '/auth/login', { body: { email: 'no address', surplus: true } }],
  ['POST', '/auth/login', { body: 'a=b', headers: { 'Content-Type': 'text/plain' } }],
  ['GET', '/.well-known/jwks.json', { headers: { 'Accept-Encoding': 'gzip' } }],
  ['OPTIONS', '/auth/login', { headers: { Origin: 'https://a.example', 'Access-Control-Request-Method': 'POST' } }],
];

/** Headers whose value differs by request, or by the limits that the harness sets. */
const CHANGING = /^(?:x-request-id|date|content-length|(?:x-)?ratelimit.*)$/;

/** The answer without the values that differ by request. */
function comparable({ status, headers, body }: Answer) {
  const values = Object.entries(headers).map(([name, value]) => [name, CHANGING.test(name) ? 'any' : value]);
  const { requestId, ...content } = (body ?? {}) as Record<string, unknown>;
  return { status, headers: Object.fromEntries(values), content, hasRequestId: requestId !== undefined };
}

onBothAdapters('main.ts', (adapter) => {
  const env = {
    NODE_ENV: 'test',
    HTTP_ADAPTER: adapter,
    JWT_SECRET: randomBytes(48).toString('base64'),
    CORS_ORIGINS: 'https://a.example',
  };
  let folder: Awaited<ReturnType<typeof testFolder>>;
  let program: Program;
  let ofMain: TestClient;
  let ofCreateApp: TestApp;
  beforeAll(async () => {
    folder = await testFolder();
    program = new Program('main.js', { ...env, PORT: '0', DATABASE_URL: await freshDatabase() }, folder.path);
    ofCreateApp = await TestApp.start({ ...env, DATABASE_URL: await freshDatabase() });
    await program.says('is ready');
    ofMain = new TestClient(`http://127.0.0.1:${/http:\/\/localhost:(\d+)/.exec(program.output)?.[1]}`);
  });
  afterAll(async () => {
    ofMain.close();
    program.kill('SIGKILL');
    await ofCreateApp.stop();
    await folder.stop();
  });

  it.each(REQUESTS)('answers %s %s like the application of createApp()', async (method, path, call) => {
    const [main, created] = [await ofMain.send(method, path, call), await ofCreateApp.send(method, path, call)];
    expect(comparable(main)).toEqual(comparable(created));
  });

  describe('on SIGTERM', () => {
    it('shuts down gracefully', async () => {
      program.kill('SIGTERM');
      expect(await program.ends()).toBe(0);
      expect(program.output).toContain('"msg":"shutdown complete"');
    });
  });
});
