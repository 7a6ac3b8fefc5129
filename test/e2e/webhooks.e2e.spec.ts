import { createHmac, randomUUID } from 'node:crypto';
import { Body, Controller, Global, HttpCode, Module, NotImplementedException, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import { Webhook as Sender } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { REDIS } from '../../src/ports/index.js';
import { Webhook } from '../../src/security/index.js';
import type { Answer } from '../support/client.js';
import { HardenedApp } from '../support/hardened-app.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import '../support/problem.js';

const STRIPE = 'whsec_stripe_secret';
const OLD = `whsec_${Buffer.from('the secret before the rotation').toString('base64')}`;
const NEW = `whsec_${Buffer.from('the secret after the rotation').toString('base64')}`;

@Controller('hooks')
class HooksController {
  @Post('stripe')
  @HttpCode(200)
  @Webhook({ scheme: 'stripe', secrets: [STRIPE] })
  stripe(@Body() event: unknown): unknown {
    return event;
  }

  @Post('github')
  @HttpCode(200)
  @Webhook({ scheme: 'github', secrets: async () => [STRIPE] })
  github(@Body() event: { fail?: boolean }): object {
    if (event.fail) throw new NotImplementedException();
    return event;
  }

  @Post('standard')
  @HttpCode(200)
  @Webhook({ scheme: 'standard-webhooks', secrets: () => [NEW, OLD] })
  standard(@Body() event: unknown): unknown {
    return event;
  }

  @Post('misconfigured')
  @Webhook({ scheme: 'stripe', secrets: () => [undefined as unknown as string] })
  misconfigured(): object {
    return {};
  }
}

const problemOf = ({ status, body }: Answer) => ({ status, code: body?.code });
const MISSING = { status: 401, code: 'WEBHOOK_SIGNATURE_MISSING' };
const INVALID = { status: 401, code: 'WEBHOOK_SIGNATURE_INVALID' };
const STALE = { status: 401, code: 'WEBHOOK_TIMESTAMP_INVALID' };
const REPLAYED = { status: 409, code: 'WEBHOOK_REPLAYED' };
const MINUTES = 60_000;

const hmac = (text: string) => createHmac('sha256', STRIPE).update(text).digest('hex');
const createEvent = () => ` {"id": "${randomUUID()}",  "amount": 1.0}`;

function signStripe(text: string, at = Date.now()) {
  const seconds = Math.floor(at / 1_000);
  return { headers: { 'Stripe-Signature': `t=${seconds},v1=${hmac(`${seconds}.${text}`)}` } };
}
const signGithub = (text: string) => ({ headers: { 'X-Hub-Signature-256': `sha256=${hmac(text)}` } });
function signStandard(text: string, secret: string, at = new Date()) {
  const id = `msg_${randomUUID()}`;
  return {
    headers: {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': new Sender(secret).sign(id, at, text),
    },
  };
}

onBothAdapters('webhooks in an application with its own main.ts', (adapter) => {
  let app: HardenedApp;
  beforeAll(async () => (app = await HardenedApp.start(adapter, { controllers: [HooksController] })));
  afterAll(() => app.stop());

  it('are accepted with a signature over the exact bytes, by each scheme', async () => {
    const text = createEvent();
    const event = JSON.parse(text);
    expect((await app.post('/hooks/stripe', text, signStripe(text))).body).toEqual(event);
    expect((await app.post('/hooks/github', text, signGithub(text))).body).toEqual(event);
    for (const secret of [OLD, NEW]) {
      expect((await app.post('/hooks/standard', text, signStandard(text, secret))).body).toEqual(event);
    }
  });

  it('are refused without a signature, and with that of another body or secret', async () => {
    for (const path of ['/hooks/stripe', '/hooks/github', '/hooks/standard']) {
      const refused = await app.post(path, createEvent());
      expect(problemOf(refused)).toEqual(MISSING);
      expect(refused.headers['www-authenticate']).toMatch(/^Webhook-Signature scheme=/);
    }
    const text = createEvent();
    const compact = JSON.stringify(JSON.parse(text));
    expect(problemOf(await app.post('/hooks/stripe', compact, signStripe(text)))).toEqual(INVALID);
    expect(problemOf(await app.post('/hooks/github', compact, signGithub(text)))).toEqual(INVALID);
    const stranger = `whsec_${Buffer.from('a stranger').toString('base64')}`;
    expect(problemOf(await app.post('/hooks/standard', text, signStandard(text, stranger)))).toEqual(INVALID);
    expect(app.violations).toContainEqual(
      expect.objectContaining({ rule: 'webhook', scheme: 'stripe', code: 'WEBHOOK_SIGNATURE_MISSING' }),
    );
  });

  it('are refused with an old or a future time stamp', async () => {
    for (const offset of [-6 * MINUTES, 6 * MINUTES]) {
      const text = createEvent();
      const at = Date.now() + offset;
      expect(problemOf(await app.post('/hooks/stripe', text, signStripe(text, at)))).toEqual(STALE);
      expect(problemOf(await app.post('/hooks/standard', text, signStandard(text, NEW, new Date(at))))).toEqual(STALE);
    }
    const text = createEvent();
    expect((await app.post('/hooks/stripe', text, signStripe(text, Date.now() - 4 * MINUTES))).status).toBe(200);
  });

  it('are accepted once, also when they arrive at the same moment', async () => {
    const text = createEvent();
    for (const [path, call] of [
      ['/hooks/stripe', signStripe(text)],
      ['/hooks/github', signGithub(text)],
      ['/hooks/standard', signStandard(text, NEW)],
    ] as const) {
      const answers = await Promise.all(Array.from({ length: 5 }, () => app.post(path, text, call)));
      expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 409, 409, 409, 409]);
      expect(problemOf(await app.post(path, text, call))).toEqual(REPLAYED);
    }
    // The same event, which the provider signs again for its next attempt.
    expect((await app.post('/hooks/stripe', text, signStripe(text, Date.now() - 2_000))).status).toBe(200);
  });

  it('may be sent again if the handler failed', async () => {
    const text = `{"fail":true,"id":"${randomUUID()}"}`;
    for (let i = 0; i < 3; i++) expect((await app.post('/hooks/github', text, signGithub(text))).status).toBe(501);
  });

  it('fail if a secret is missing, with which everybody could sign', async () => {
    const text = createEvent();
    const seconds = Math.floor(Date.now() / 1_000);
    const forged = createHmac('sha256', '').update(`${seconds}.${text}`).digest('hex');
    const headers = { 'Stripe-Signature': `t=${seconds},v1=${forged}` };
    expect((await app.post('/hooks/misconfigured', text, { headers })).status).toBe(500);
  });
});

describe('webhooks', () => {
  it('do not start without SecurityModule', async () => {
    @Module({ controllers: [HooksController] })
    class BareModule {}

    const app = await NestFactory.create(BareModule, { logger: false, abortOnError: false });
    await expect(app.init()).rejects.toThrow('add SecurityModule.forRoot() to the imports');
  });

  it('are accepted by one of two replicas that share Redis, and by each of them while Redis is away', async () => {
    const redis = new Redis(inject('redisUrl'));
    await redis.ping();
    @Global()
    @Module({ providers: [{ provide: REDIS, useValue: redis }], exports: [REDIS] })
    class SharedRedis {}

    const start = () => HardenedApp.start('fastify', { controllers: [HooksController], imports: [SharedRedis] });
    const [one, other] = [await start(), await start()];
    try {
      const text = createEvent();
      expect((await one.post('/hooks/github', text, signGithub(text))).status).toBe(200);
      expect(problemOf(await other.post('/hooks/github', text, signGithub(text)))).toEqual(REPLAYED);
      const failing = `{"fail":true,"id":"${randomUUID()}"}`;
      for (const replica of [one, other, one]) {
        expect((await replica.post('/hooks/github', failing, signGithub(failing))).status).toBe(501);
      }
      redis.disconnect();
      const during = createEvent();
      for (const replica of [one, other]) {
        expect((await replica.post('/hooks/github', during, signGithub(during))).status).toBe(200);
        expect(problemOf(await replica.post('/hooks/github', during, signGithub(during)))).toEqual(REPLAYED);
      }
    } finally {
      redis.disconnect();
      await one.stop();
      await other.stop();
    }
  });
});

@Module({ controllers: [HooksController] })
class HooksModule {}

onBothAdapters('webhooks in an application of createApp()', (HTTP_ADAPTER) => {
  let app: TestApp;
  beforeAll(async () => (app = await TestApp.start({ HTTP_ADAPTER }, { imports: [HooksModule] })));
  afterAll(() => app.stop());

  it('need a signature and no access token', async () => {
    const text = createEvent();
    expect((await app.post('/v1/hooks/stripe', text, signStripe(text))).body).toEqual(JSON.parse(text));
    expect(await app.post('/v1/hooks/stripe', text, signStripe(text))).toBeProblem(REPLAYED);
    expect(await app.post('/v1/hooks/stripe', text)).toBeProblem(MISSING);
  });
});
