import { randomUUID } from 'node:crypto';
import { Controller, Get, Header, Module, Res } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authenticated, Public } from '../../src/guards/index.js';
import { HAS_ZSTD } from '../../src/security/compression-rules.js';
import { Browser } from '../support/browser.js';
import type { Answer } from '../support/client.js';
import { onBothAdapters, TestApp } from '../support/harness.js';

/** A larger body is compressed, unless a rule prevents it. */
const THRESHOLD_BYTES = 1024;
const LARGE = { text: 'a line that compresses well\n'.repeat(400) };
const ENCODINGS = { headers: { 'Accept-Encoding': 'gzip, br, zstd' } };

@Controller('breach')
class LargeController {
  @Get('open')
  @Public()
  open() {
    return LARGE;
  }

  @Get('cookie')
  @Public()
  cookie(@Res({ passthrough: true }) response: { header(name: string, value: string): void }) {
    response.header('Set-Cookie', `visit=${randomUUID()}; HttpOnly`);
    return LARGE;
  }

  @Get('mine')
  @Authenticated()
  mine() {
    return LARGE;
  }

  @Get('kept')
  @Authenticated()
  @Header('Cache-Control', 'private, max-age=60')
  kept() {
    return LARGE;
  }
}

@Module({ controllers: [LargeController] })
class LargeModule {}

const imports = [LargeModule];
const codingOf = ({ status, headers }: Answer) => ({ status, coding: headers['content-encoding'] ?? 'none' });

/** A user whose login answer is larger than the threshold. */
const wordy = () => ({
  email: `${randomUUID()}@${['a', 'b', 'c'].map((letter) => letter.repeat(60)).join('.')}.example`,
  password: 'correct horse battery',
  name: 'ä'.repeat(100),
});

onBothAdapters('an answer with a secret (BREACH)', (adapter) => {
  const BEST = adapter === 'fastify' && HAS_ZSTD ? 'zstd' : 'br';
  describe('with tokens in bodies', () => {
    let app: TestApp;
    beforeAll(async () => (app = await TestApp.start({ HTTP_ADAPTER: adapter }, { imports })));
    afterAll(() => app.stop());

    it('is not compressed for registration, login and refresh', async () => {
      const person = wordy();
      const registered = await app.post('/auth/register', person, ENCODINGS);
      const { email, password } = person;
      const loggedIn = await app.post('/auth/login', { email, password }, ENCODINGS);
      const { refreshToken } = loggedIn.body;
      const refreshed = await app.post('/auth/refresh', { refreshToken }, ENCODINGS);
      const answers = [registered, loggedIn, refreshed];
      expect(answers.map(codingOf)).toEqual([201, 200, 200].map((status) => ({ status, coding: 'none' })));
      // Cache-Control is the reason, not the length.
      for (const { headers, bytes } of answers) {
        expect(headers['cache-control']).toContain('no-store');
        expect(bytes.length).toBeGreaterThan(THRESHOLD_BYTES);
      }
    });

    it('is compressed if the request has a bearer token, which other sites cannot send', async () => {
      const { token } = await app.register();
      for (const path of ['/v1/breach/mine', '/v1/breach/kept']) {
        expect(codingOf(await app.get(path, { token, ...ENCODINGS }))).toEqual({ status: 200, coding: BEST });
      }
    });
  });

  describe('with tokens in cookies', () => {
    let app: TestApp;
    beforeAll(async () => {
      app = await TestApp.start({ HTTP_ADAPTER: adapter, AUTH_COOKIES: 'strict' }, { imports });
    });
    afterAll(() => app.stop());

    it('is not compressed if it sets a cookie, contains a CSRF token, or requires a session', async () => {
      const browser = new Browser(app);
      const registered = await browser.post('/auth/register', wordy(), ENCODINGS);
      expect(registered.headers['set-cookie']).toBeDefined();
      expect(codingOf(registered)).toEqual({ status: 201, coding: 'none' });
      for (const path of ['/auth/csrf', '/v1/breach/mine', '/v1/breach/kept', '/v1/breach/cookie']) {
        expect({ path, ...codingOf(await browser.get(path, ENCODINGS)) }).toEqual({
          path,
          status: 200,
          coding: 'none',
        });
      }
      expect((await browser.get('/auth/csrf')).headers['cache-control']).toContain('no-store');
    });

    it('is compressed if it is public and sets no cookie, even if the request has cookies', async () => {
      expect(codingOf(await app.get('/v1/breach/open', ENCODINGS))).toEqual({ status: 200, coding: BEST });
      const withCookie = { headers: { ...ENCODINGS.headers, Cookie: 'theme=dark' } };
      expect(codingOf(await app.get('/v1/breach/open', withCookie))).toEqual({ status: 200, coding: BEST });
      expect(codingOf(await app.get('/v1/breach/cookie', ENCODINGS))).toEqual({ status: 200, coding: 'none' });
    });
  });
});
