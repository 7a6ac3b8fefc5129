import { afterAll, beforeAll, expect, it } from 'vitest';
import { onBothAdapters, TestApp } from '../support/harness.js';

onBothAdapters('the OpenAPI document', (adapter) => {
  let app: TestApp;
  // oxlint-disable-next-line typescript/no-explicit-any -- a document of a hundred shapes
  let document: any;
  beforeAll(async () => {
    app = await TestApp.start({ HTTP_ADAPTER: adapter });
    document = (await app.get('/docs/openapi.json')).body;
  });
  afterAll(() => app.stop());

  it('names the routes with and without their version', () => {
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining(['/health/ready', '/auth/login', '/v1/auth/login', '/production-test/all-features']),
    );
  });

  it('describes bodies by what validation asks of them', () => {
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

  it('asks for a bearer token', () => {
    expect(document.components.securitySchemes).toMatchObject({ bearer: { type: 'http', scheme: 'bearer' } });
  });

  it('says which routes are open, and that all others are closed', () => {
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
