import { createRequire } from 'node:module';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startChromium } from '../support/chromium.js';
import { onBothAdapters, TestApp } from '../support/harness.js';

const { load } = createRequire(import.meta.url)('js-yaml') as { load: (text: string) => unknown };

onBothAdapters('the OpenAPI document', (adapter) => {
  let app: TestApp;
  // oxlint-disable-next-line typescript/no-explicit-any -- the document has many different types
  let document: any;
  beforeAll(async () => {
    app = await TestApp.start({ HTTP_ADAPTER: adapter });
    document = (await app.get('/docs/openapi.json')).body;
  });
  afterAll(() => app.stop());

  it('is served as JSON and as YAML', async () => {
    const [json, yaml] = await Promise.all([app.get('/docs/openapi.json'), app.get('/docs/openapi.yaml')]);
    expect(json.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(yaml.headers['content-type']).toBe('application/yaml; charset=utf-8');
    expect(load(yaml.text)).toEqual(json.body);
  });

  it('names the routes with and without their version', () => {
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining(['/health/ready', '/auth/login', '/v1/auth/login', '/production-test/all-features']),
    );
  });

  it('describes bodies with their validation rules', () => {
    expect(document.components.schemas.RegisterDto).toEqual({
      type: 'object',
      required: ['email', 'password', 'name'],
      properties: {
        email: { type: 'string', format: 'email' },
        password: { type: 'string', minLength: 8, maxLength: 1024 },
        name: { type: 'string', minLength: 1, maxLength: 100 },
      },
    });
  });

  it('requires a bearer token', () => {
    expect(document.components.securitySchemes).toMatchObject({ bearer: { type: 'http', scheme: 'bearer' } });
  });

  it('shows which routes are public and that all other routes need a token', () => {
    expect(document.security).toEqual([{ bearer: [] }]);
    for (const [path, method] of [
      ['/health/ready', 'get'],
      ['/auth/login', 'post'],
      ['/v1/auth/login', 'post'],
      ['/production-test/compression/payload', 'get'],
    ] as const) {
      expect(document.paths[path][method].security).toEqual([]);
    }
    for (const path of ['/auth/profile', '/v1/auth/profile', '/admin/users', '/production-test/protected']) {
      expect(document.paths[path].get.security).toBeUndefined();
    }
  });
});

const BROWSER_TIMEOUT_MS = 120_000;

onBothAdapters('the page of the OpenAPI document', (adapter) => {
  let browser: Browser;
  beforeAll(async () => (browser = await startChromium()), BROWSER_TIMEOUT_MS);
  afterAll(() => browser.close());

  it.each([
    ['', '/docs'],
    ['/api', '/api/docs/'],
  ])(
    'shows the routes under its own policy, with the global prefix "%s" at %s',
    async (prefix, path) => {
      const app = await TestApp.start(
        { HTTP_ADAPTER: adapter },
        { prepare: (created) => void (prefix !== '' && created.setGlobalPrefix(prefix)) },
      );
      try {
        const page = await browser.newPage();
        page.setDefaultTimeout(BROWSER_TIMEOUT_MS);
        const complaints: string[] = [];
        page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())));
        page.on('pageerror', (error) => void complaints.push(error.message));
        await page.goto(`${app.baseUrl}${path}`);
        await page.locator('[data-path="/health/live"]').waitFor();
        expect(complaints).toEqual([]);
        await page.close();
      } finally {
        await app.stop();
      }
    },
    BROWSER_TIMEOUT_MS,
  );
});
