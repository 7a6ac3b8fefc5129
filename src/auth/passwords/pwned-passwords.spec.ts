import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PwnedPasswords } from './pwned-passwords.js';

const sha1 = (password: string) => createHash('sha1').update(password).digest('hex').toUpperCase();

describe('PwnedPasswords', () => {
  let server: Server;
  let requests: IncomingMessage[];
  let answer: (response: ServerResponse) => void;
  let check: PwnedPasswords;
  const createCheck = (timeoutMs: number) =>
    new PwnedPasswords({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/range`, timeoutMs });
  beforeEach(async () => {
    requests = [];
    server = createServer((request, response) => {
      requests.push(request);
      answer(response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    check = createCheck(20_000);
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it('sends five of forty digits, and requests padding', async () => {
    answer = (response) => response.end('');
    await check.countBreaches('password123');
    expect(requests.map(({ url }) => url)).toEqual([`/range/${sha1('password123').slice(0, 5)}`]);
    expect(requests[0]?.headers['add-padding']).toBe('true');
    expect(JSON.stringify(requests[0]?.headers)).not.toContain(sha1('password123').slice(5));
  });

  it('returns the count of a password from the list, but not from the padding', async () => {
    const suffix = sha1('password123').slice(5);
    const lines = (count: number) => [`${'0'.repeat(35)}:3`, `${suffix}:${count}`, `${'F'.repeat(35)}:0`].join('\r\n');
    answer = (response) => response.end(lines(251_682));
    expect(await check.countBreaches('password123')).toBe(251_682);
    expect(await check.countBreaches('another password')).toBe(0);
    answer = (response) => response.end(lines(0));
    expect(await check.countBreaches('password123')).toBe(0);
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ['an error status', (response) => response.writeHead(503).end()],
    ['a redirect to another host', (response) => response.writeHead(302, { Location: 'http://127.0.0.1:1/' }).end()],
    ['a broken connection', (response) => response.destroy()],
  ])('rejects after %s', async (_what, faultyAnswer) => {
    answer = faultyAnswer;
    await expect(check.countBreaches('password123')).rejects.toBeInstanceOf(Error);
  });

  it('rejects after the timeout', async () => {
    answer = () => undefined;
    await expect(createCheck(100).countBreaches('password123')).rejects.toBeInstanceOf(Error);
  });
});
