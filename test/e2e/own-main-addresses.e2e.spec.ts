import { Controller, Get, Post } from '@nestjs/common';
import { expect, it } from 'vitest';
import { FailureThrottle } from '../../src/ports/index.js';
import { Public } from '../../src/guards/index.js';
import { SecurityModule } from '../../src/security/index.js';
import { ThrottlerModule } from '../../src/throttler/index.js';
import { onBothAdapters } from '../support/harness.js';
import { ThrottledApp } from '../support/throttled-app.js';

@Controller()
@Public()
class AttemptsController {
  constructor(private readonly failures: FailureThrottle) {}

  @Get('things')
  things(): string {
    return 'things';
  }

  /** The login of an application. Each attempt fails, and each uses a different account. */
  @Post('attempt')
  async attempt(): Promise<string> {
    await this.failures.attempt({ account: String(Math.random()) });
    return 'failed';
  }
}

onBothAdapters('client addresses in an application with its own main.ts', (adapter) => {
  async function withApp(imports: Parameters<typeof ThrottledApp.start>[1]['imports'], work: Work): Promise<void> {
    const app = await ThrottledApp.start(adapter, { imports, controllers: [AttemptsController] }, undefined, 1);
    try {
      await work(app);
    } finally {
      await app.stop();
    }
  }
  type Work = (app: ThrottledApp) => Promise<void>;
  const from = (address: string) => ({ headers: { 'X-Forwarded-For': address } });

  it('are counted without the port', () =>
    withApp([ThrottlerModule.forRoot({ tiers: { default: { limit: 3 } } })], async (app) => {
      const statuses: number[] = [];
      for (let i = 0; i < 5; i++) statuses.push((await app.get('/things', from(`203.0.113.9:${i + 1}`))).status);
      expect(statuses).toEqual([200, 200, 200, 429, 429]);
      expect((await app.get('/things', from('203.0.113.10:1'))).status).toBe(200);
    }));

  it('separate the failed logins of clients: a blocked client does not block another', () =>
    withApp([ThrottlerModule.forRoot({})], async (app) => {
      const statuses: number[] = [];
      for (let i = 0; i < 6; i++) statuses.push((await app.post('/attempt', {}, from(`203.0.113.9:${i + 1}`))).status);
      expect(statuses).toEqual([201, 201, 201, 201, 201, 429]);
      expect((await app.post('/attempt', {}, from('203.0.113.10:1'))).status).toBe(201);
    }));

  it('are compared with deny lists without the port, and invalid addresses are refused', () =>
    withApp([ThrottlerModule.forRoot({}), SecurityModule.forRoot({ denyAddresses: ['203.0.113.9'] })], async (app) => {
      for (const denied of ['203.0.113.9:5000', 'unknown']) {
        const { status, body } = await app.get('/things', from(denied));
        expect([status, body.code]).toEqual([403, 'ADDRESS_DENIED']);
      }
      expect((await app.get('/things', from('203.0.113.10:5000'))).status).toBe(200);
    }));
});
