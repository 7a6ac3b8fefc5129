import { Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { TcpProxy } from '../../test/support/tcp-proxy.js';
import { openDataSource } from './data-source.js';
import { handleConnectionErrors } from './database-client.js';
import { poolOf } from './database.health.js';
import { databaseSettings } from './database.options.js';

const SHUTDOWN = message('E', 'SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0');

/** The last message of every answer of PostgreSQL: ReadyForQuery, outside of a transaction. */
const READY = message('Z', 'I');

/** A message of PostgreSQL's protocol: type, length, content. */
function message(type: string, content: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(content.length + 4);
  return Buffer.concat([Buffer.from(type), length, Buffer.from(content)]);
}

const openModuleSource = (url: string) => openDataSource(databaseSettings({ url, migrations: [], poolMin: 0 }), []);

/** The data source of an application without DatabaseModule. */
async function openOwnSource(url: string): Promise<DataSource> {
  const source = await new DataSource({ type: 'postgres', url }).initialize();
  handleConnectionErrors(poolOf(source));
  return source;
}

describe.each([
  ['DatabaseModule', openModuleSource],
  ['the application', openOwnSource],
])('a server that ends a connection of %s in the moment in which it gets ready', (_, open) => {
  let proxy: TcpProxy;
  let source: DataSource;
  const uncaught: Error[] = [];
  const onUncaught = (error: Error) => void uncaught.push(error);

  beforeAll(async () => {
    Logger.overrideLogger(false);
    proxy = await TcpProxy.to(inject('databaseUrl'));
    await proxy.open();
    source = await open(proxy.url);
    process.on('uncaughtException', onUncaught);
  });
  afterAll(async () => {
    process.off('uncaughtException', onUncaught);
    await source.destroy();
    await proxy.close();
  });

  it('does not end the process, and the next connection works', async () => {
    proxy.rewriteAnswer = (data) =>
      data.subarray(-READY.length).equals(READY) ? Buffer.concat([data, SHUTDOWN]) : data;
    // More callers than connections, so that connections pass from one caller to the next.
    await Promise.allSettled(Array.from({ length: 50 }, () => source.query('SELECT 1')));
    proxy.rewriteAnswer = (data) => data;
    expect(await source.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(uncaught).toEqual([]);
  });
});
