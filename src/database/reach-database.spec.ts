import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Logger, type LoggerService } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { freePort } from '../../test/support/ports.js';
import { silentServer, TcpProxy } from '../../test/support/tcp-proxy.js';
import { databaseSettings } from './database.options.js';
import { DatabaseUnavailableError, reachDatabase } from './reach-database.js';

let lines: string[] = [];
const logger: LoggerService = {
  log: () => undefined,
  error: () => undefined,
  warn: (message: string) => void lines.push(message),
};

beforeEach(() => {
  lines = [];
  Logger.overrideLogger(logger);
});
afterEach(() => Logger.overrideLogger(false));

/** What `reachDatabase` fails with, and how long that takes. */
async function failure(url: string, startTimeoutMs: number) {
  const started = performance.now();
  const error: unknown = await reachDatabase(url, databaseSettings({ startTimeoutMs })).then(
    () => new Error('it was reached'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DatabaseUnavailableError);
  const { message, exitCode } = error as DatabaseUnavailableError;
  expect(exitCode).toBe(69);
  expect(message).not.toContain('hush');
  expect(lines.join('\n')).not.toContain('hush');
  return { message, tookMs: performance.now() - started };
}

/** Speaks just enough of the protocol to refuse every connection with a code. */
async function refusingServer(
  code: string,
  message: string,
): Promise<{ server: Server; url: string; tries: Socket[] }> {
  const tries: Socket[] = [];
  const server = createServer((socket) => {
    tries.push(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => {
      const fields = Buffer.from(`SFATAL\0C${code}\0M${message}\0\0`);
      const length = Buffer.alloc(4);
      length.writeInt32BE(fields.length + 4);
      socket.end(Buffer.concat([Buffer.from('E'), length, fields]));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `postgres://user:hush@127.0.0.1:${(server.address() as AddressInfo).port}/shop`, tries };
}

describe('a database that does not answer', () => {
  it('is tried again with growing pauses, and given up within the start timeout', async () => {
    const port = await freePort();
    const { message, tookMs } = await failure(`postgres://user:hush@127.0.0.1:${port}/shop`, 1_500);
    expect(message).toBe(
      `The database at 127.0.0.1:${port}/shop could not be reached within 1.5 s: connect ECONNREFUSED 127.0.0.1:${port}.\n` +
        '  → check that it runs and that DATABASE_URL is right; DATABASE_START_TIMEOUT sets how long a start waits',
    );
    const pauses = lines.map((line) => Number(/cannot be reached .* next try in (\d+) ms$/.exec(line)?.[1]));
    expect(pauses.slice(0, 3)).toEqual([100, 200, 400]);
    expect(tookMs).toBeLessThan(3_000);
  });

  it('may take the connection and say nothing: the start timeout holds all the same', async () => {
    const { port, close } = await silentServer();
    const { message, tookMs } = await failure(`postgres://user:hush@127.0.0.1:${port}/shop`, 500);
    close();
    expect(message).toContain('could not be reached within 0.5 s');
    // The connect timeout alone would be 5 s.
    expect(tookMs).toBeLessThan(3_000);
  });

  it('that says it is starting is waited for', async () => {
    const { server, url, tries } = await refusingServer('57P03', 'the database system is starting up');
    const { message } = await failure(url, 600);
    server.close();
    expect(message).toContain('the database system is starting up');
    expect(tries.length).toBeGreaterThan(1);
  });

  it('is used once it is there', async () => {
    const proxy = await TcpProxy.to(inject('databaseUrl'));
    const reached = reachDatabase(proxy.url, databaseSettings({ statementTimeoutMs: 1_234 }));
    await expect.poll(() => lines.length).toBeGreaterThan(0);
    await proxy.open();
    await expect(reached).resolves.toEqual({ statement_timeout: 1_234, idle_in_transaction_session_timeout: 30_000 });
    await proxy.close();
  });
});

describe('an answer that waiting would not mend', () => {
  it.each([
    ['28P01', 'password authentication failed for user "user"'],
    ['28000', 'no pg_hba.conf entry'],
    ['3D000', 'database "shop" does not exist'],
    ['42501', 'permission denied for database "shop"'],
  ])('%s ends the start at the first try', async (code, said) => {
    const { server, url, tries } = await refusingServer(code, said);
    const { message } = await failure(url, 60_000);
    server.close();
    expect(tries).toHaveLength(1);
    expect(lines).toEqual([]);
    expect(message).toContain(`cannot be used: ${said}.`);
    expect(message).toContain('→ check the user, the password and the database in DATABASE_URL');
  });

  it('is also a certificate file that is not there', async () => {
    const { message } = await failure(
      'postgres://u:hush@127.0.0.1:1/d?sslmode=verify-full&sslrootcert=/no/ca.pem',
      60_000,
    );
    expect(message).toMatch(/cannot be used: ENOENT.*ca\.pem'\.\n {2}→ check the files that DATABASE_URL names/);
  });

  it('is also a server without TLS where the URL asks for it', async () => {
    const { message } = await failure(`${inject('databaseUrl')}?sslmode=verify-full`, 60_000);
    expect(message).toContain('cannot be used: The server does not support SSL connections.');
    expect(message).toContain('→ check sslmode');
  });
});
