import { generateKeyPairSync } from 'node:crypto';
import { appendFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AuditMaintenance, S3DigestStore, type AuditModuleOptions } from '../../src/audit/index.js';
import { AuditStoreHealth } from '../../src/audit/store/audit-store.health.js';
import { signHeaders } from '../../src/audit/integrity/s3-signature.js';
import { AuditApp } from '../support/audit-app.js';
import { ownDatabase } from '../support/database.js';
import { testFolder } from '../support/folder.js';
import { S3Server } from '../support/s3-server.js';

const OPTIONS = { sealIntervalMs: 0, maintenanceIntervalMs: 0, sealSecret: 'a secret' };

describe('digests in a file', () => {
  let folder: Awaited<ReturnType<typeof testFolder>>;
  let url: string;
  const running: AuditApp[] = [];
  const start = async (options: AuditModuleOptions = {}) => {
    const app = await AuditApp.start(url, { ...OPTIONS, digests: folder.path, ...options });
    running.push(app);
    return app;
  };
  const linesIn = async (path: string) =>
    join(path, (await readdir(path)).find((name) => name.endsWith('.ndjson')) ?? '');
  const fileOf = () => linesIn(folder.path);
  const linesOf = async () => (await readFile(await fileOf(), 'utf8')).trim().split('\n');

  beforeEach(async () => {
    folder = await testFolder();
    url = await ownDatabase();
  });
  afterEach(async () => {
    for (const app of running.splice(0)) await app.stop();
    await folder.stop();
  });

  /** Two digests: the first covers two events of `a` and one of `b`, the second covers a third event of `a`. */
  async function withDigests(options: AuditModuleOptions = {}): Promise<AuditApp> {
    const app = await start(options);
    await app.sealed(['1', '2'], 'a');
    await app.sealed(['1'], 'b');
    await app.digests.run({ now: true });
    await app.sealed(['3'], 'a');
    await app.digests.run({ now: true });
    return app;
  }

  it('contain the head of each chain and the hash of the previous digest', async () => {
    const app = await withDigests();
    const [first, second] = (await linesOf()).map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(first).toMatchObject({ seq: 1, previous: '', keyId: expect.stringMatching(/^hmac-sha256:/) });
    expect(first?.['heads']).toEqual([
      { tenant: 'a', seq: 2, hash: expect.any(String), root: expect.any(String) },
      { tenant: 'b', seq: 1, hash: expect.any(String), root: expect.any(String) },
    ]);
    expect(second).toMatchObject({ seq: 2, previous: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(await app.verifier.verify()).toMatchObject({ valid: true, verified: 4, digests: 2 });
  });

  it.each([
    [
      'cuts the end of a chain',
      [`DELETE FROM audit_events WHERE target = '3'`, `DELETE FROM audit_seals WHERE seq = 3`],
      'truncated',
    ],
    [
      'removes a whole tenant',
      [`DELETE FROM audit_events WHERE tenant_id = 'b'`, `DELETE FROM audit_seals WHERE tenant = 'b'`],
      'truncated',
    ],
    [
      'removes everything',
      ['DELETE FROM audit_events', 'DELETE FROM audit_seals', 'DELETE FROM audit_digests'],
      'digest',
    ],
    ['removes the last digest from the database', ['DELETE FROM audit_digests WHERE seq = 2'], 'digest'],
    ['changes a digest in the database', [`UPDATE audit_digests SET hash = 'x' WHERE seq = 2`], 'digest'],
  ])('detect an attacker who %s', async (_what, statements, kind) => {
    const app = await withDigests();
    await app.tamper(...statements);
    expect(await app.verifier.verify()).toMatchObject({ valid: false, fault: { kind } });
  });

  it('detect a chain that was rebuilt with the correct key', async () => {
    const app = await withDigests();
    await app.tamper(
      `DELETE FROM audit_seals WHERE tenant = 'a'`,
      `UPDATE audit_events SET action = 'forged' WHERE target = '1'`,
      `INSERT INTO audit_unsealed SELECT tenant_id, id FROM audit_events WHERE tenant_id = 'a'`,
    );
    await app.sealer.seal();
    expect(await app.verifier.verify()).toMatchObject({
      valid: false,
      fault: { kind: 'truncated', tenant: 'a', seq: 3 },
    });
  });

  it('detect a database that was restored from a backup, and accept no more digests from it', async () => {
    const app = await withDigests();
    const tables = ['audit_events', 'audit_seals', 'audit_digests'];
    await app.tamper(...tables.map((table) => `CREATE TABLE kept_${table} AS TABLE ${table}`));
    await app.sealed(['4'], 'a');
    await app.digests.run({ now: true });
    await app.tamper(
      ...tables.flatMap((table) => [`DELETE FROM ${table}`, `INSERT INTO ${table} TABLE kept_${table}`]),
    );
    await app.get(AuditMaintenance).run();
    expect(app.digests.contradiction).toContain('digest 3 is missing in the database');
    await app.digests.run({ now: true });
    expect(app.digests.contradiction).toContain('digest 3 of the database differs from the store');
    expect(await linesOf()).toHaveLength(3);
    expect(await app.verifier.verify()).toMatchObject({ valid: false, fault: { kind: 'digest' } });
  });

  it.each([
    ['changes a line', (lines: string[]) => lines.map((line) => line.replace('"seq":1,', '"seq":9,')), 1],
    ['removes a line', (lines: string[]) => lines.slice(1), 1],
    ['swaps two lines', (lines: string[]) => lines.toReversed(), 1],
  ])('detect an attacker who %s of the file', async (_what, change, seq) => {
    const app = await withDigests();
    await writeFile(await fileOf(), `${change(await linesOf()).join('\n')}\n`);
    expect(await app.verifier.verify()).toMatchObject({ valid: false, fault: { kind: 'digest', seq } });
  });

  /** An attacker with write access cuts the end of the chain and changes the log id, so no digests are found. */
  const CUT_AND_RENAME = [
    `DELETE FROM audit_events WHERE target = '3'`,
    `DELETE FROM audit_seals WHERE seq = 3`,
    'DELETE FROM audit_digests',
    'UPDATE audit_log SET id = gen_random_uuid()',
  ];

  it('detect an attacker who cuts the end of a chain, deletes the digests and changes the log id', async () => {
    const app = await withDigests();
    await app.tamper(...CUT_AND_RENAME);
    const fault = { kind: 'digest', detail: expect.stringContaining('the digest store belongs to') };
    expect(await app.verifier.verify()).toMatchObject({ valid: false, fault });
    await app.digests.run({ now: true });
    expect(app.digests.contradiction).toContain('the digest store belongs to');
    expect(app.get(AuditStoreHealth).check()).toMatchObject({ degraded: expect.stringContaining('contradict') });
    // Now the forged trail has its own digests.
    expect(await app.verifier.verify()).toMatchObject({ valid: false, fault });
    expect(await linesOf()).toHaveLength(2);
  });

  it('detect this attack by the other trail in the store if the store has no manifest', async () => {
    const app = await withDigests();
    await rm(join(folder.path, 'manifest.json'));
    await app.tamper(...CUT_AND_RENAME);
    const fault = { kind: 'digest', detail: expect.stringContaining('other trails') };
    expect(await app.verifier.verify()).toMatchObject({ valid: false, fault });
  });

  it('detect this attack by the configured log id if there is no store', async () => {
    const { log } = await (await withDigests()).verifier.verify();
    const app = await start({ logId: log, digests: undefined });
    expect(await app.verifier.verify()).toMatchObject({ valid: true, log });
    await app.tamper(...CUT_AND_RENAME);
    const fault = { kind: 'digest', detail: expect.stringContaining('AUDIT_LOG_ID') };
    expect(await app.verifier.verify()).toMatchObject({ valid: false, fault });
  });

  it.each([
    ['removes the id', ['DELETE FROM audit_log']],
    ['adds a second id', ['INSERT INTO audit_log VALUES (gen_random_uuid())']],
  ])('detect an attacker who %s of the trail', async (_what, statements) => {
    const app = await withDigests();
    await app.tamper(...statements);
    const fault = { kind: 'digest', detail: expect.stringContaining('exactly one id') };
    expect(await app.verifier.verify()).toMatchObject({ valid: false, fault });
  });

  it('detect a store that lost its lines, and do not fill it again', async () => {
    const app = await withDigests();
    await rm(await fileOf());
    const fault = { kind: 'digest', detail: expect.stringContaining('store is empty') };
    expect(await app.verifier.verify()).toMatchObject({ valid: false, fault });
    await rm(join(folder.path, 'manifest.json'));
    expect(await app.verifier.verify()).toMatchObject({ valid: false, fault });
    await app.digests.run({ now: true });
    expect(app.digests.contradiction).toContain('store is empty');
    expect(await readdir(folder.path)).toEqual([]);
  });

  it('fill the empty store of an older trail only if the configuration allows it', async () => {
    const app = await withDigests();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    const [other, third] = [await testFolder(), await testFolder()];
    try {
      const replica = await start({ digests: other.path });
      await replica.digests.run();
      expect(replica.digests.contradiction).toContain('AUDIT_DIGEST_ADOPT');
      expect(await readdir(other.path)).toEqual([]);
      const told = await start({ digests: third.path, adoptDigests: true });
      await told.digests.run();
      expect(told.digests.contradiction).toBeUndefined();
      expect(await told.verifier.verify()).toMatchObject({ valid: true });
      expect(await readdir(third.path)).toHaveLength(2);
    } finally {
      vi.useRealTimers();
      await Promise.all([other.stop(), third.stop()]);
    }
    expect(await app.verifier.verify()).toMatchObject({ valid: true });
  });

  it('are not copied from the database if they are not the next digest of the trail', async () => {
    const app = await withDigests();
    await app.tamper(`INSERT INTO audit_digests VALUES (3, now(), 'x', '{"seq":3,"keyId":"","signature":""}')`);
    await app.digests.run();
    expect(app.digests.contradiction).toContain('digest 3 of the database is not valid');
    expect(await linesOf()).toHaveLength(2);
  });

  it('contain every new head, even if the database has a wrong time for the last digest', async () => {
    const app = await withDigests();
    await app.tamper(`UPDATE audit_digests SET made_at = now() + interval '1 year'`);
    await app.sealed(['4'], 'a');
    await app.digests.run({ now: true });
    const heads = expect.arrayContaining([expect.objectContaining({ tenant: 'a', seq: 4 })]);
    expect(JSON.parse((await linesOf()).at(-1) ?? '')).toMatchObject({ seq: 3, heads });
  });

  it('are complete on every replica, also after a line was cut off', async () => {
    const app = await withDigests();
    const other = await testFolder();
    const replica = await start({ digests: other.path });
    await appendFile(await fileOf(), '{"version":1,"lo');
    await app.sealed(['4'], 'a');
    await replica.digests.run({ now: true });
    await app.digests.run();
    const file = await linesIn(other.path);
    expect((await readFile(file, 'utf8')).trim().split('\n')).toEqual(await linesOf());
    expect(await linesOf()).toHaveLength(3);
    expect(await app.verifier.verify()).toMatchObject({ valid: true, digests: 3 });
    await other.stop();
  });

  it('are signed with Ed25519 if a key is set, and are still valid after a key change', async () => {
    const key = () => generateKeyPairSync('ed25519');
    const [first, second] = [key(), key()];
    const pem = ({ privateKey }: ReturnType<typeof key>) =>
      privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const old = first.publicKey.export({ type: 'spki', format: 'pem' }) as string;
    await withDigests({ signingKey: pem(first) });
    const next = await start({ signingKey: pem(second), oldSigningKeys: [old] });
    await next.sealed(['4'], 'a');
    await next.digests.run({ now: true });
    expect(await next.verifier.verify()).toMatchObject({ valid: true, digests: 3 });
    const stranger = await start({ signingKey: pem(key()) });
    expect(await stranger.verifier.verify()).toMatchObject({ valid: false, fault: { kind: 'digest', seq: 1 } });
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
    await expect(start({ signingKey: pem(rsa as never) })).rejects.toThrow('not an Ed25519 key');
  });
});

describe('digests in a bucket', () => {
  it('are written once, are listed across pages, and detect a database with other content', async () => {
    const server = await S3Server.start({
      accessKeyId: 'the key',
      secretAccessKey: 'a/secret+',
      region: 'eu-central-1',
    });
    const url = await ownDatabase();
    const digests = () => new S3DigestStore(server.url('trails', 'one & two'));
    const [app, replica] = [
      await AuditApp.start(url, { ...OPTIONS, digests: digests() }),
      await AuditApp.start(url, { ...OPTIONS, digests: digests() }),
    ];
    for (const target of ['1', '2', '3', '4', '5']) {
      await app.sealed([target], 'a');
      await app.digests.run({ now: true });
      await Promise.all([app.digests.run(), replica.digests.run()]);
    }
    expect(server.objects.size).toBe(5 + 1);
    expect(server.objects.get('one & two/manifest.json')).toContain('"log":');
    expect(server.lists).toBeGreaterThan(5);
    expect(await replica.verifier.verify()).toMatchObject({ valid: true, digests: 5 });
    const key = [...server.objects.keys()].findLast((name) => !name.endsWith('manifest.json')) ?? '';
    server.objects.set(key, (server.objects.get(key) ?? '').replace('"a"', '"b"'));
    expect(await app.verifier.verify()).toMatchObject({ valid: false, fault: { kind: 'digest', seq: 5 } });
    await app.digests.run();
    expect(app.digests.contradiction).toContain('not signed');
    await Promise.all([app.stop(), replica.stop()]);
    await server.stop();
  });

  it('detect a changed log id in the database', async () => {
    const server = await S3Server.start({ accessKeyId: 'k', secretAccessKey: 's', region: 'us-east-1' });
    const app = await AuditApp.start(await ownDatabase(), {
      ...OPTIONS,
      digests: new S3DigestStore(server.url('trails', 'one')),
    });
    await app.sealed(['1', '2'], 'a');
    await app.digests.run({ now: true });
    await app.tamper('DELETE FROM audit_digests', 'UPDATE audit_log SET id = gen_random_uuid()');
    const detail = expect.stringContaining('the digest store belongs to');
    expect(await app.verifier.verify()).toMatchObject({ valid: false, fault: { kind: 'digest', detail } });
    server.objects.delete('one/manifest.json');
    const other = expect.stringContaining('other trails');
    expect(await app.verifier.verify()).toMatchObject({ valid: false, fault: { kind: 'digest', detail: other } });
    await app.stop();
    await server.stop();
  });

  it('wait while the bucket cannot be reached or refuses the key, and health reports it', async () => {
    const server = await S3Server.start({ accessKeyId: 'k', secretAccessKey: 'right', region: 'us-east-1' });
    const wrong = new S3DigestStore(server.url('trails').replace('right', 'wrong'));
    const app = await AuditApp.start(await ownDatabase(), { ...OPTIONS, digests: wrong });
    await app.sealed(['1'], 'a');
    await app.get(AuditMaintenance).run();
    expect(app.get(AuditMaintenance).failures.get('digests')).toContain('403');
    expect(await app.sql('SELECT count(*)::int FROM audit_digests')).toEqual([{ count: 1 }]);
    await app.stop();
    await server.stop();
  });

  it('are requested with the same signature as in the AWS example', () => {
    const request = {
      method: 'GET',
      url: new URL('https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J'),
      headers: {},
      body: '',
      now: new Date('2013-05-24T00:00:00Z'),
    };
    const credentials = {
      accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
      region: 'us-east-1',
    };
    expect(signHeaders(request, credentials)['authorization']).toContain(
      'Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    );
  });
});
