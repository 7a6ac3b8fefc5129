import { Controller, Get, Module } from '@nestjs/common';
import { expect, it } from 'vitest';
import { Public } from '../../src/guards/index.js';
import { AllowAddresses, DenyAddresses } from '../../src/security/index.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import '../support/problem.js';

@Controller('places')
@Public()
@DenyAddresses('127.0.0.66')
class PlacesController {
  @Get('any')
  any(): string {
    return 'any';
  }

  @Get('office')
  @AllowAddresses('127.0.1.0/24', '203.0.113.0/24', '2001:db8::/32')
  office(): string {
    return 'office';
  }
}

@Module({ controllers: [PlacesController] })
class PlacesModule {}

const DENIED = { status: 403, code: 'ADDRESS_DENIED' };

onBothAdapters('address lists', (adapter) => {
  async function withApp(env: Record<string, string>, work: (app: TestApp) => Promise<void>): Promise<void> {
    const app = await TestApp.start({ HTTP_ADAPTER: adapter, ...env }, { imports: [PlacesModule] });
    try {
      await work(app);
    } finally {
      await app.stop();
    }
  }

  it('allow the listed clients and refuse the others', () =>
    withApp({}, async (app) => {
      expect((await app.get('/v1/places/any', { from: '127.0.0.5' })).text).toBe('any');
      expect(await app.get('/v1/places/any', { from: '127.0.0.66' })).toBeProblem(DENIED);
      expect((await app.get('/v1/places/office', { from: '127.0.1.9' })).text).toBe('office');
      expect(await app.get('/v1/places/office', { from: '127.0.0.5' })).toBeProblem(DENIED);
    }));

  it('ignore X-Forwarded-For unless a trusted proxy sends it', async () => {
    const forwarded = (address: string) => ({ from: '127.0.0.5', headers: { 'X-Forwarded-For': address } });
    await withApp({}, async (app) => {
      expect(await app.get('/v1/places/office', forwarded('203.0.113.9'))).toBeProblem(DENIED);
    });
    await withApp({ TRUST_PROXY: '1' }, async (app) => {
      expect((await app.get('/v1/places/office', forwarded('203.0.113.9'))).status).toBe(200);
      expect((await app.get('/v1/places/office', forwarded('2001:db8::7'))).status).toBe(200);
      expect((await app.get('/v1/places/office', forwarded('::ffff:203.0.113.9'))).status).toBe(200);
      expect(await app.get('/v1/places/office', forwarded('203.0.113.9, 198.51.100.1'))).toBeProblem(DENIED);
      expect(await app.get('/v1/places/office', forwarded('no address'))).toBeProblem(DENIED);
      expect((await app.get('/v1/places/office', forwarded('203.0.113.9:5000'))).status).toBe(200);
      expect((await app.get('/v1/places/office', forwarded('[2001:db8::7]:5000'))).status).toBe(200);
    });
  });

  it('apply IP_ALLOW and IP_DENY to every route, except IP_ALLOW to probes', () =>
    withApp({ IP_ALLOW: '127.0.0.0/24, 127.0.1.0/24', IP_DENY: '127.0.0.7' }, async (app) => {
      expect((await app.get('/v1/places/any', { from: '127.0.0.5' })).status).toBe(200);
      expect(await app.get('/v1/places/any', { from: '127.0.2.5' })).toBeProblem(DENIED);
      expect(await app.get('/v1/places/any', { from: '127.0.0.7' })).toBeProblem(DENIED);
      expect(await app.get('/auth/profile', { from: '127.0.2.5' })).toBeProblem(DENIED);
      expect((await app.get('/livez', { from: '127.0.2.5' })).status).toBe(200);
      expect(await app.get('/livez', { from: '127.0.0.7' })).toBeProblem(DENIED);
      // Both lists must allow the address.
      expect((await app.get('/v1/places/office', { from: '127.0.1.9' })).status).toBe(200);
      expect(await app.get('/v1/places/office', { from: '127.0.0.5' })).toBeProblem(DENIED);
    }));

  it('cannot be bypassed with a port, another notation or an invalid address', () =>
    withApp({ TRUST_PROXY: '1', IP_DENY: '203.0.113.0/24, 2001:db8::/32' }, async (app) => {
      const asked = (address: string) => app.get('/v1/places/any', { headers: { 'X-Forwarded-For': address } });
      const denied = ['203.0.113.9', '203.0.113.9:5000', '::ffff:203.0.113.9', '[::ffff:cb00:7109]:5000'];
      denied.push('2001:db8::7', '[2001:db8::7]', '[2001:db8::7]:5000', '2001:db8::7%eth0');
      denied.push('unknown', '_hidden', '203.0.113.9:port', 'localhost');
      for (const address of denied) expect(await asked(address)).toBeProblem(DENIED);
      expect((await asked('198.51.100.1:5000')).status).toBe(200);
    }));

  it('refuse clients before rate limiting and authentication', () =>
    withApp({ IP_DENY: '127.0.0.7', THROTTLE_DEFAULT_LIMIT: '2' }, async (app) => {
      for (let i = 0; i < 5; i++) {
        const answer = await app.get('/v1/places/any', { from: '127.0.0.7' });
        expect(answer).toBeProblem(DENIED);
        expect(answer.headers).not.toHaveProperty('ratelimit');
      }
      const count = (await app.get('/metrics')).text;
      expect(count).toContain('security_refusals_total{rule="address"} 5');
    }));
});
