import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Logger, type LoggerService } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { freePort } from '../../test/support/ports.js';
import { silentServer, TcpProxy } from '../../test/support/tcp-proxy.js';
import { until } from '../../test/support/until.js';
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

/** Longer than a test may take. */
const NEVER_MS = 86_400_000;

/** Returns the error message of `reachDatabase`. Only the start timeout can end the attempt. */
async function failure(url: string, startTimeoutMs: number): Promise<string> {
  const settings = databaseSettings({ startTimeoutMs, connectTimeoutMs: NEVER_MS });
  const error: unknown = await reachDatabase(url, settings).then(
    () => new Error('it was reached'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DatabaseUnavailableError);
  const { message, exitCode } = error as DatabaseUnavailableError;
  expect(exitCode).toBe(69);
  expect(message).not.toContain('hush');
  expect(lines.join('\n')).not.toContain('hush');
  return message;
}

/** A server that rejects each connection with an error code, which may depend on the number of the connection. */
async function refusingServer(
  refusal: (count: number) => [code: string, message: string],
): Promise<{ server: Server; url: string; tries: Socket[] }> {
  const tries: Socket[] = [];
  const server = createServer((socket) => {
    tries.push(socket);
    socket.on('error', () => undefined);
    const [code, message] = refusal(tries.length);
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
  it('is tried again with growing pauses until the start timeout', async () => {
    const port = await freePort();
    const message = await failure(`postgres://user:hush@127.0.0.1:${port}/shop`, 2_500);
    expect(message).toBe(
      `The database at 127.0.0.1:${port}/shop could not be reached within 2.5 s: connect ECONNREFUSED 127.0.0.1:${port}.\n` +
        '  → check that it runs and that DATABASE_URL is right; DATABASE_START_TIMEOUT sets how long a start waits',
    );
    const pauses = lines.map((line) => Number(/cannot be reached .* next try in (\d+) ms$/.exec(line)?.[1]));
    expect(pauses.slice(0, 3)).toEqual([100, 200, 400]);
  });

  it('causes an error at the start timeout, even if it accepts the connection', async () => {
    const { port, close } = await silentServer();
    const message = await failure(`postgres://user:hush@127.0.0.1:${port}/shop`, 500);
    close();
    expect(message).toContain('could not be reached within 0.5 s');
  });

  it('is tried again while it reports that it is starting', async () => {
    const said = 'the database system is starting up';
    const { server, url, tries } = await refusingServer((count) => (count < 3 ? ['57P03', said] : ['3D000', 'none']));
    expect(await failure(url, NEVER_MS)).toContain('cannot be used: none.');
    server.close();
    expect(tries).toHaveLength(3);
    expect(lines).toEqual([expect.stringContaining(said), expect.stringContaining(said)]);
  });

  it('is used when it becomes available', async () => {
    const proxy = await TcpProxy.to(inject('databaseUrl'));
    const reached = reachDatabase(proxy.url, databaseSettings({ statementTimeoutMs: 1_234 }));
    await until('a connection was attempted', () => lines.length > 0);
    await proxy.open();
    await expect(reached).resolves.toEqual({ statement_timeout: 1_234, idle_in_transaction_session_timeout: 30_000 });
    await proxy.close();
  });
});

describe('a permanent error', () => {
  it.each([
    ['28P01', 'password authentication failed for user "user"'],
    ['28000', 'no pg_hba.conf entry'],
    ['3D000', 'database "shop" does not exist'],
    ['42501', 'permission denied for database "shop"'],
  ])('%s ends the start at the first attempt', async (code, said) => {
    const { server, url, tries } = await refusingServer(() => [code, said]);
    const message = await failure(url, NEVER_MS);
    server.close();
    expect(tries).toHaveLength(1);
    expect(lines).toEqual([]);
    expect(message).toContain(`cannot be used: ${said}.`);
    expect(message).toContain('→ check the user, the password and the database in DATABASE_URL');
  });

  it('is also a missing certificate file', async () => {
    const message = await failure(
      'postgres://u:hush@127.0.0.1:1/d?sslmode=verify-full&sslrootcert=/no/ca.pem',
      NEVER_MS,
    );
    expect(message).toMatch(/cannot be used: ENOENT.*ca\.pem'\.\n {2}→ check the files that DATABASE_URL names/);
  });

  it('is also a server without TLS if the URL requires TLS', async () => {
    const message = await failure(`${inject('databaseUrl')}?sslmode=verify-full`, NEVER_MS);
    expect(message).toContain('cannot be used: The server does not support SSL connections.');
    expect(message).toContain('→ check sslmode');
  });
});
