import { appendFile, chown, copyFile, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedPostgres } from '../../src/database/index.js';
import { query } from './database.js';
import { until } from './until.js';

/** A PostgreSQL server for one test, with TLS and a certificate. */
export async function tlsPostgres(dataDir: string, files: { certificate: string; key: string }) {
  const server = await EmbeddedPostgres.start({ dataDir, settings: { fsync: 'off' } });
  const cluster = join(dataDir, 'postgres');
  const { uid, gid } = await stat(cluster);
  for (const [source, name] of [
    [files.certificate, 'server.crt'],
    [files.key, 'server.key'],
  ] as const) {
    await copyFile(source, join(cluster, name));
    await chown(join(cluster, name), uid, gid);
  }
  await appendFile(join(cluster, 'postgresql.conf'), `\nssl = on\n`);
  // The server reloads its settings. Then new connections can use TLS.
  process.kill(Number.parseInt(await readFile(join(cluster, 'postmaster.pid'), 'utf8'), 10), 'SIGHUP');
  await until('the server speaks TLS', async () => (await query(server.url, 'SHOW ssl')).rows[0].ssl === 'on');
  return server;
}
