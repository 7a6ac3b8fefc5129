import { once } from 'node:events';
import { connect } from 'node:net';
import { All, Controller, Get, Module, Param, Req } from '@nestjs/common';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Public } from '../../src/guards/index.js';
import { TestClient } from '../support/client.js';
import { HaProxy } from '../support/haproxy.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { HIDDEN, INNOCENT, JSON_TYPE, SHAPES } from '../support/smuggling.js';
import { until } from '../support/until.js';

/** The proxy sets this header on each request that it forwards. A request hidden in a body does not have it. */
const MARK = 'x-forwarded-by-proxy';
const VICTIMS = 4;

/** A request with a request as its body. A server that does not read the body must not treat it as the next request. */
function unread(line: string, headers: string): [what: string, bytes: string][] {
  const length = `Content-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`;
  const chunks = `Transfer-Encoding: chunked\r\n\r\n${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`;
  return [length, chunks].map((body) => [
    `${line}, ${body.slice(0, body.indexOf(':'))}`,
    `${line} HTTP/1.1\r\nHost: x\r\n${headers}${body}`,
  ]);
}

const UNREAD = [
  ...unread('GET /livez', ''),
  ...unread('HEAD /livez', ''),
  ...unread('DELETE /livez', ''),
  ...unread('OPTIONS /livez', ''),
  ...unread('PURGE /livez', ''),
  ...unread('GET /%', ''),
  ...unread('POST /no/such/route', JSON_TYPE),
  ...unread('POST /auth/profile', JSON_TYPE),
  ...unread('POST /v1/smuggling/target', 'Content-Type: text/plain\r\n'),
  ...unread('POST /v1/smuggling/target', `${JSON_TYPE}Content-Encoding: gzip\r\n`),
  ...unread('POST /v1/smuggling/target', `${JSON_TYPE}Expect: 100-continue\r\n`),
  ...unread('POST /v1/smuggling/target', `${JSON_TYPE}Expect: something\r\n`),
  ...unread('POST /v1/smuggling/target', `${JSON_TYPE}Connection: Content-Length\r\n`),
  ...unread('POST /v1/smuggling/target', `${JSON_TYPE}Connection: Upgrade\r\nUpgrade: websocket\r\n`),
  ...unread('POST /v1/smuggling/large', JSON_TYPE).map(([what, bytes]): [string, string] => [
    `${what}, beyond the limit`,
    bytes.startsWith('POST') && bytes.includes('Content-Length')
      ? bytes
          .replace(`Content-Length: ${HIDDEN.length}`, `Content-Length: ${HIDDEN.length * 20_000}`)
          .concat(HIDDEN.repeat(19_999))
      : bytes,
  ]),
];

onBothAdapters('request smuggling through HAProxy', (adapter) => {
  const marks: (string | undefined)[] = [];

  @Controller('smuggling')
  @Public()
  class RecordingController {
    @All('target')
    target(@Req() request: { headers: Record<string, string | undefined> }) {
      marks.push(request.headers[MARK]);
      return { target: true };
    }

    @Get('smuggled')
    smuggled(@Req() request: { headers: Record<string, string | undefined> }) {
      marks.push(request.headers[MARK]);
      return { smuggled: true };
    }

    @Get('victim/:name')
    victim(@Param('name') name: string) {
      return { victim: name };
    }
  }

  @Module({ controllers: [RecordingController] })
  class RecordingModule {}

  let app: TestApp;
  let proxy: HaProxy;
  let victim: TestClient;
  beforeAll(async () => {
    app = await TestApp.start({ HTTP_ADAPTER: adapter, TRUST_PROXY: 'loopback' }, { imports: [RecordingModule] });
    proxy = await HaProxy.start(
      [Number(new URL(app.baseUrl).port)],
      [`http-request set-header ${MARK} %[rand(1000000000)]`],
    );
    victim = new TestClient(proxy.url);
    await until('HAProxy forwards', async () => (await victim.get('/livez').catch(() => undefined))?.status === 200);
  });
  afterAll(async () => {
    victim.close();
    await proxy.stop();
    await app.stop();
  });

  /** Sends bytes through the proxy and waits until the connection is closed. */
  async function attack(bytes: string): Promise<void> {
    const { hostname, port } = new URL(proxy.url);
    const socket = connect(Number(port), hostname);
    // A connection reset also closes the socket.
    socket.on('error', () => undefined).resume();
    socket.end(Buffer.from(bytes, 'latin1'));
    await once(socket, 'close');
  }

  it('would be detected: a request that bypasses the proxy has no mark', async () => {
    marks.length = 0;
    await app.get('/v1/smuggling/smuggled');
    await victim.get('/v1/smuggling/smuggled');
    expect(marks).toEqual([undefined, expect.stringMatching(/^\d+$/)]);
  });

  it.each([...SHAPES, ...INNOCENT.map(([what, bytes]) => [what, bytes] as const), ...UNREAD])(
    'does not happen with %s',
    async (_what, bytes) => {
      marks.length = 0;
      await attack(bytes);
      const names = Array.from({ length: VICTIMS }, (_, i) => String(i));
      const answers = await Promise.all(names.map((name) => victim.get(`/v1/smuggling/victim/${name}`)));
      expect(answers.map(({ body }) => body)).toEqual(names.map((name) => ({ victim: name })));
      expect(marks).not.toContain(undefined);
    },
  );
});
