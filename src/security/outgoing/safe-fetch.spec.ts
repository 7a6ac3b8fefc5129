import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Resolver } from './checked-lookup.js';
import { safeFetch, type SafeFetchOptions } from './safe-fetch.js';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

async function serve(host: string, listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}

const errorWithCode = (code: string) => expect.objectContaining({ name: 'OutgoingRequestError', code });
const REFUSED = errorWithCode('OUTGOING_ADDRESS_REFUSED');
/** Allows one address of this host, which takes the role of the Internet. */
const local: SafeFetchOptions = { protocols: ['http:', 'https:'], allowAddresses: ['127.0.0.1/32'] };
const resolveTo =
  (address: string): Resolver =>
  async () => [{ address, family: address.includes(':') ? 6 : 4 }];

describe('a request to a URL from a user', () => {
  it('is sent to an allowed address', async () => {
    const port = await serve('127.0.0.1', (request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () =>
        response.end(`${request.method} ${request.headers.host} ${String(request.headers['x-a'])} ${body}`),
      );
    });
    const options = {
      ...local,
      resolver: resolveTo('127.0.0.1'),
      method: 'POST',
      body: 'hello',
      headers: { 'X-A': '1' },
    };
    const { status, body, url } = await safeFetch(`http://hook.example:${port}/x`, options);
    expect({ status, body: body.toString(), url }).toEqual({
      status: 200,
      body: `POST hook.example:${port} 1 hello`,
      url: `http://hook.example:${port}/x`,
    });
  });

  it.each([
    'http://127.0.0.2/',
    'http://localhost/',
    'http://2130706434/',
    'http://0177.0.0.2/',
    'http://0x7f.0.0.2/',
    'http://0x7f000002/',
    'http://127.2/',
    'http://①②⑦.⓪.⓪.②/',
    'http://127.0.0.2./',
    'http://[::1]/',
    'http://[::ffff:127.0.0.2]/',
    'http://[::ffff:7f00:2]/',
    'http://[64:ff9b::7f00:2]/',
    'http://[2002:7f00:2::]/',
    'http://[fd00:ec2::254]/latest/meta-data',
    'http://169.254.169.254/latest/meta-data',
    'http://0/',
    'http://10.0.0.1:8080/',
  ])('is not sent to %s', async (url) => {
    // Without the check, most of these would connect to this host.
    const resolver: Resolver = async (name) => [{ address: name === 'localhost' ? '127.0.0.2' : name, family: 4 }];
    await expect(safeFetch(url, { ...local, resolver })).rejects.toEqual(REFUSED);
  });

  it.each(['10.0.0.1', '169.254.169.254', '::1', '::ffff:10.0.0.1', '64:ff9b::a00:1'])(
    'is not sent to a name with the address %s',
    async (address) => {
      await expect(safeFetch('http://hook.example/', { ...local, resolver: resolveTo(address) })).rejects.toEqual(
        REFUSED,
      );
    },
  );

  it('is not sent to a name with a public and a private address', async () => {
    const resolver: Resolver = async () => [
      { address: '8.8.8.8', family: 4 },
      { address: '10.0.0.1', family: 4 },
    ];
    await expect(safeFetch('http://hook.example/', { ...local, resolver })).rejects.toEqual(REFUSED);
  });

  it('is sent to the checked address, even if the name has another address by then (DNS rebinding)', async () => {
    const port = await serve('127.0.0.1', (_request, response) => response.end('checked'));
    const asked: string[] = [];
    const resolver: Resolver = async () => {
      const address = asked.length === 0 ? '127.0.0.1' : '127.0.0.2';
      asked.push(address);
      return [{ address, family: 4 }];
    };
    const { body } = await safeFetch(`http://rebound.example:${port}/`, { ...local, resolver });
    expect(body.toString()).toBe('checked');
    expect(asked).toEqual(['127.0.0.1']);
    // The next request is checked again, on a new connection.
    await expect(safeFetch(`http://rebound.example:${port}/`, { ...local, resolver })).rejects.toEqual(REFUSED);
  });

  it.each([
    ['ftp://hook.example/', 'OUTGOING_SCHEME_REFUSED'],
    ['file:///etc/passwd', 'OUTGOING_SCHEME_REFUSED'],
    ['gopher://127.0.0.1/', 'OUTGOING_SCHEME_REFUSED'],
    ['http://user:password@hook.example/', 'OUTGOING_CREDENTIALS_REFUSED'],
    ['http://hook.example@127.0.0.2/', 'OUTGOING_CREDENTIALS_REFUSED'],
    ['http://hook.example:22/', 'OUTGOING_PORT_REFUSED'],
    ['not a url', 'OUTGOING_URL_INVALID'],
    ['//127.0.0.2/', 'OUTGOING_URL_INVALID'],
  ])('is refused because of its URL: %s', async (url, code) => {
    await expect(safeFetch(url, { ...local, ports: [80, 443] })).rejects.toEqual(errorWithCode(code));
  });

  it('must use HTTPS, unless another scheme is allowed', async () => {
    await expect(safeFetch('http://hook.example/')).rejects.toEqual(errorWithCode('OUTGOING_SCHEME_REFUSED'));
  });

  describe('that redirects', () => {
    const received = ({ headers }: IncomingMessage) =>
      [headers.authorization ?? 'anonymous', headers['x-api-key'], headers.accept].join(' ').trim();
    const redirecting = (location: (path: string) => string, status = 302) =>
      serve('127.0.0.1', (request, response) => {
        const target = location(request.url ?? '');
        if (target === '') response.end(`${request.method} ${received(request)}`);
        else response.writeHead(status, { location: target }).end();
      });

    it('is checked at each step', async () => {
      for (const target of ['http://127.0.0.2/', 'http://[::1]/', '//169.254.169.254/', 'http://0x7f000002/']) {
        const port = await redirecting(() => target);
        await expect(safeFetch(`http://127.0.0.1:${port}/`, local)).rejects.toEqual(REFUSED);
      }
      const port = await redirecting(() => 'file:///etc/passwd');
      await expect(safeFetch(`http://127.0.0.1:${port}/`, local)).rejects.toEqual(
        errorWithCode('OUTGOING_SCHEME_REFUSED'),
      );
    });

    it('is followed up to maxRedirects times', async () => {
      const port = await redirecting((path) => `${path}x`);
      const endless = safeFetch(`http://127.0.0.1:${port}/`, { ...local, maxRedirects: 2 });
      await expect(endless).rejects.toEqual(errorWithCode('OUTGOING_REDIRECTS_EXCEEDED'));
    });

    it('does not send its token to another origin', async () => {
      const other = await redirecting(() => '');
      const port = await redirecting((path) =>
        path === '/here' ? '/there' : path === '/there' ? '' : `http://127.0.0.1:${other}/`,
      );
      const options = {
        ...local,
        headers: { Authorization: 'Bearer secret', 'X-Api-Key': 'secret', Accept: 'text/plain' },
      };
      const asked = async (path: string) =>
        (await safeFetch(`http://127.0.0.1:${port}${path}`, options)).body.toString();
      expect(await asked('/here')).toBe('GET Bearer secret secret text/plain');
      expect(await asked('/away')).toBe('GET anonymous  text/plain');
    });

    it.each([
      [303, 'GET'],
      [302, 'GET'],
      [307, 'POST'],
    ])('with status %i is continued as %s', async (status, method) => {
      const port = await redirecting((path) => (path === '/' ? '/end' : ''), status);
      const { body } = await safeFetch(`http://127.0.0.1:${port}/`, { ...local, method: 'POST', body: 'x' });
      expect(body.toString()).toBe(`${method} anonymous`);
    });
  });

  it('fails if the response is too large, even without a Content-Length', async () => {
    const port = await serve('127.0.0.1', (_request, response) => {
      response.write('x'.repeat(600));
      response.end('x'.repeat(600));
    });
    const large = safeFetch(`http://127.0.0.1:${port}/`, { ...local, maxBytes: 1_000 });
    await expect(large).rejects.toEqual(errorWithCode('OUTGOING_BODY_TOO_LARGE'));
  });

  it.each(['silent', 'slow'])('fails if the server is %s', async (kind) => {
    const port = await serve('127.0.0.1', (_request, response) => void (kind === 'slow' && response.write('x')));
    const late = safeFetch(`http://127.0.0.1:${port}/`, { ...local, timeoutMs: 50 });
    await expect(late).rejects.toEqual(errorWithCode('OUTGOING_TIMEOUT'));
  });

  it('fails with OUTGOING_FAILED if the name cannot be resolved', async () => {
    const resolver: Resolver = () => Promise.reject(new Error('ENOTFOUND'));
    await expect(safeFetch('http://nowhere.example/', { ...local, resolver })).rejects.toEqual(
      errorWithCode('OUTGOING_FAILED'),
    );
  });

  it('ignores headers that would change the framing of the request', async () => {
    const port = await serve('127.0.0.1', (request, response) => response.end(JSON.stringify(request.headers)));
    const headers = { Host: 'internal', 'Transfer-Encoding': 'chunked', 'Content-Length': '999' };
    const { body } = await safeFetch(`http://127.0.0.1:${port}/`, { ...local, headers });
    expect(JSON.parse(body.toString())).toEqual(
      expect.objectContaining({ host: `127.0.0.1:${port}`, 'accept-encoding': 'identity' }),
    );
    expect(body.toString()).not.toContain('999');
  });
});
