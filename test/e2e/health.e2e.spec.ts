import { afterAll, beforeAll, expect, it } from 'vitest';
import { onBothAdapters, TestApp } from '../support/harness.js';

onBothAdapters('probes', (adapter) => {
  let app: TestApp;
  beforeAll(async () => (app = await TestApp.start({ HTTP_ADAPTER: adapter })));
  afterAll(() => app.stop());

  it.each(['/health/live', '/livez', '/health/ready', '/readyz', '/health', '/healthz'])(
    '%s answers 200',
    async (path) => {
      const answer = await app.get(path);
      expect(answer.status).toBe(200);
      expect(answer.body.status).toBe('ok');
      expect(answer.headers['cache-control']).toBe('no-store');
    },
  );
});
