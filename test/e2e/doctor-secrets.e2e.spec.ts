import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { networkInterfaces } from 'node:os';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createBearerHeader, runDoctor, Target } from '../../src/doctor/index.js';
import { CertificateAuthority } from '../support/certificates.js';
import { testFolder } from '../support/folder.js';
import { Program } from '../support/program.js';
import { built } from '../support/built.js';

const [TOKEN, PASSWORD] = ['token-h5Kq2wZt', 'password-h5Kq2wZt'];
const CREDENTIALS = { email: 'doctor@example.com', password: PASSWORD };
const REASON = /^token and password are withheld: /;

describe('a token and a password of the doctor', () => {
  let folder: Awaited<ReturnType<typeof testFolder>>;
  let authority: CertificateAuthority;
  beforeAll(async () => {
    folder = await testFolder();
    authority = new CertificateAuthority(folder.path, 'doctor');
  });
  afterAll(() => folder.stop());

  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
  });

  /** What a man-in-the-middle server has read. */
  let seen: string[];

  /** An API with a login, a protected route and their description. It records each request. */
  const listener: RequestListener = (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      seen.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)} ${body}`);
      const path = request.url ?? '';
      const isOpen = request.headers.authorization === `Bearer ${TOKEN}`;
      const [status, answer] =
        path === '/auth/login'
          ? [body.includes(PASSWORD) ? 200 : 401, { accessToken: TOKEN }]
          : [path === '/auth/profile' ? (isOpen ? 200 : 401) : 404, {}];
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
    });
  };

  async function serve(host: string, certificate?: { certificate: string; key: string }, port = 0): Promise<number> {
    seen = [];
    const server = certificate
      ? createTlsServer({ cert: readFileSync(certificate.certificate), key: readFileSync(certificate.key) }, listener)
      : createServer(listener);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(port, host, resolve));
    return (server.address() as AddressInfo).port;
  }

  const OPTIONS = {
    token: TOKEN,
    credentials: CREDENTIALS,
    throttleRequests: 5,
    only: ['authentication', 'privacy', 'compression'],
  };
  const leaked = () => seen.filter((request) => request.includes(TOKEN) || request.includes(PASSWORD));

  it('are not sent over unverified TLS, and the report says so', async () => {
    const port = await serve('localhost', authority.issue('localhost'));
    const told: string[] = [];
    const report = await runDoctor(new URL(`https://localhost:${port}`), {
      ...OPTIONS,
      onSecretsWithheld: (reason) => told.push(reason),
    });
    expect(seen.length).toBeGreaterThan(0);
    expect(leaked()).toEqual([]);
    expect(told).toEqual([expect.stringMatching(REASON)]);
    expect(report.notes).toEqual(told);
    const skipped = report.checks
      .filter(({ status }) => status === 'skip')
      .map(({ check, evidence }) => ({ check, evidence }));
    for (const check of [
      'authentication.enumeration',
      'authentication.unsigned',
      'privacy.caching',
      'compression.secrets',
    ]) {
      const found = skipped.find((one) => one.check === check);
      expect(JSON.stringify(found)).toContain('withheld: the certificate could not be verified');
    }
  });

  it('are not sent over plain HTTP to another machine', async () => {
    // An address of this machine that is not a loopback address represents another machine.
    const address = Object.values(networkInterfaces())
      .flat()
      .find((one) => one?.family === 'IPv4' && !one.internal)?.address;
    if (address === undefined) return;
    const port = await serve(address);
    const report = await runDoctor(new URL(`http://${address}:${port}`), OPTIONS);
    expect(seen.length).toBeGreaterThan(0);
    expect(leaked()).toEqual([]);
    expect(report.notes).toEqual([expect.stringContaining('another machine over plain http')]);
  });

  it('are sent over plain HTTP on this machine', async () => {
    const port = await serve('127.0.0.1');
    const report = await runDoctor(new URL(`http://127.0.0.1:${port}`), OPTIONS);
    expect(leaked().length).toBeGreaterThan(0);
    expect(report.notes).toBeUndefined();
  });

  it('are not sent to another origin after a redirect', async () => {
    const thief = await serve('127.0.0.1');
    const stolen = seen;
    const server = createServer((_request, response) =>
      response.writeHead(307, { Location: `http://127.0.0.1:${thief}/auth/login` }).end(),
    );
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await runDoctor(new URL(`http://127.0.0.1:${port}`), { ...OPTIONS, loginPath: '/auth/login' });
    expect(stolen).toEqual([]);
  });

  it('are sent over verified TLS, and not to a server that takes over the address later', async () => {
    built();
    const good = authority.issue('localhost');
    const port = await serve('localhost', good);
    const url = `https://localhost:${port}`;
    const args = [
      url,
      '--token',
      TOKEN,
      '--protected',
      '/auth/profile',
      '--only',
      'privacy.caching',
      '--format',
      'json',
    ];
    // Node reads additional certificate authorities when a process starts.
    const program = new Program('cli/main.js doctor', { NODE_EXTRA_CA_CERTS: authority.certificate }, undefined, args);
    await program.ends();
    expect(program.output).not.toMatch(/withheld/);
    expect(leaked().length).toBeGreaterThan(0);

    const untrusted = new Program('cli/main.js doctor', {}, undefined, args);
    seen = [];
    await untrusted.ends();
    expect(untrusted.output).toMatch(/token and password are withheld: the certificate could not be verified/);
    expect(leaked()).toEqual([]);

    // The first certificate was verified. Then another server answers with an untrusted certificate.
    const target = new Target(new URL(url));
    Object.assign(target, { withholdingReason: Promise.resolve(undefined) });
    seen = [];
    const answer = await target.send('/auth/profile', { headers: createBearerHeader(TOKEN) });
    expect([answer.status, leaked()]).toEqual([0, []]);
  });
});
