import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PwnedPasswords } from './pwned-passwords.js';

const hashOf = (password: string) => createHash('sha1').update(password).digest('hex').toUpperCase();

describe('the service of leaked passwords', () => {
  let server: Server;
  let requests: IncomingMessage[];
  let answer: (response: ServerResponse) => void;
  let check: PwnedPasswords;
  const checkWithin = (timeoutMs: number) =>
    new PwnedPasswords({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/range`, timeoutMs });
  beforeEach(async () => {
    requests = [];
    server = createServer((request, response) => {
      requests.push(request);
      answer(response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    check = checkWithin(20_000);
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it('learns five digits of forty, and asks for padding', async () => {
    answer = (response) => response.end('');
    await check.timesSeen('password123');
    expect(requests.map(({ url }) => url)).toEqual([`/range/${hashOf('password123').slice(0, 5)}`]);
    expect(requests[0]?.headers['add-padding']).toBe('true');
    expect(JSON.stringify(requests[0]?.headers)).not.toContain(hashOf('password123').slice(5));
  });

  it('says how often a password was seen, in its list and not in its padding', async () => {
    const suffix = hashOf('password123').slice(5);
    const lines = (count: number) => [`${'0'.repeat(35)}:3`, `${suffix}:${count}`, `${'F'.repeat(35)}:0`].join('\r\n');
    answer = (response) => response.end(lines(251_682));
    expect(await check.timesSeen('password123')).toBe(251_682);
    expect(await check.timesSeen('another password')).toBe(0);
    answer = (response) => response.end(lines(0));
    expect(await check.timesSeen('password123')).toBe(0);
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ['an error', (response) => response.writeHead(503).end()],
    ['a redirect to elsewhere', (response) => response.writeHead(302, { Location: 'http://127.0.0.1:1/' }).end()],
    ['a broken connection', (response) => response.destroy()],
  ])('that answers with %s is a failure, and no word on the password', async (_what, way) => {
    answer = way;
    await expect(check.timesSeen('password123')).rejects.toBeInstanceOf(Error);
  });

  it('that does not answer in time is a failure as well', async () => {
    answer = () => undefined;
    await expect(checkWithin(100).timesSeen('password123')).rejects.toBeInstanceOf(Error);
  });
});
