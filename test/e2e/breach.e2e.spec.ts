import { randomUUID } from 'node:crypto';
import { Controller, Get, Header, Module, Res } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authenticated, Public } from '../../src/guards/index.js';
import { HAS_ZSTD } from '../../src/security/compression-rules.js';
import { Browser } from '../support/browser.js';
import type { Answer } from '../support/client.js';
import { onBothAdapters, TestApp } from '../support/harness.js';

/** Beyond it a body is compressed, where nothing is against it. */
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

/** Its answer to a login is beyond the threshold. */
const wordy = () => ({
  email: `${randomUUID()}@${['a', 'b', 'c'].map((letter) => letter.repeat(60)).join('.')}.example`,
  password: 'correct horse battery',
  name: 'ä'.repeat(100),
});

onBothAdapters('an answer with a secret (BREACH)', (adapter) => {
  const BEST = adapter === 'fastify' && HAS_ZSTD ? 'zstd' : 'br';
  describe('where tokens are in bodies', () => {
    let app: TestApp;
    beforeAll(async () => (app = await TestApp.start({ HTTP_ADAPTER: adapter }, { imports })));
    afterAll(() => app.stop());

    it('is not compressed: registration, login, refresh', async () => {
      const person = wordy();
      const registered = await app.post('/auth/register', person, ENCODINGS);
      const { email, password } = person;
      const loggedIn = await app.post('/auth/login', { email, password }, ENCODINGS);
      const { refreshToken } = loggedIn.body;
      const refreshed = await app.post('/auth/refresh', { refreshToken }, ENCODINGS);
      const answers = [registered, loggedIn, refreshed];
      expect(answers.map(codingOf)).toEqual([201, 200, 200].map((status) => ({ status, coding: 'none' })));
      // What decides, and that it was not the length.
      for (const { headers, bytes } of answers) {
        expect(headers['cache-control']).toContain('no-store');
        expect(bytes.length).toBeGreaterThan(THRESHOLD_BYTES);
      }
    });

    it('is compressed where no foreign page can ask for it: with a token', async () => {
      const { token } = await app.register();
      for (const path of ['/v1/breach/mine', '/v1/breach/kept']) {
        expect(codingOf(await app.get(path, { token, ...ENCODINGS }))).toEqual({ status: 200, coding: BEST });
      }
    });
  });

  describe('where tokens are in cookies', () => {
    let app: TestApp;
    beforeAll(async () => {
      app = await TestApp.start({ HTTP_ADAPTER: adapter, AUTH_COOKIES: 'strict' }, { imports });
    });
    afterAll(() => app.stop());

    it('is not compressed: what sets a session, gives a CSRF token, or is for the owner of a session', async () => {
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

    it('is told from one without: what anybody gets is compressed, whatever cookies come along', async () => {
      expect(codingOf(await app.get('/v1/breach/open', ENCODINGS))).toEqual({ status: 200, coding: BEST });
      const withCookie = { headers: { ...ENCODINGS.headers, Cookie: 'theme=dark' } };
      expect(codingOf(await app.get('/v1/breach/open', withCookie))).toEqual({ status: 200, coding: BEST });
      expect(codingOf(await app.get('/v1/breach/cookie', ENCODINGS))).toEqual({ status: 200, coding: 'none' });
    });
  });
});
