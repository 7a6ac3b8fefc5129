import { randomInt } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ChainFault } from '../../src/audit/index.js';
import { EmbeddedPostgres } from '../../src/database/index.js';
import { AuditApp } from '../support/audit-app.js';
import { built } from '../support/built.js';
import { ownDatabase } from '../support/database.js';
import { testFolder } from '../support/folder.js';
import { amountOf } from '../support/long-form.js';
import { lastingPort } from '../support/ports.js';
import { Program } from '../support/program.js';
import { until } from '../support/until.js';

const ROUNDS = amountOf('KILL_ROUNDS', { short: 4, long: 1_000 });
/** Events during the outage; the long form records as many as ten minutes at 100 events a second. */
const OUTAGE_EVENTS = amountOf('OUTAGE_EVENTS', { short: 1_000, long: 60_000 });
const RECORDER = resolve('test/fixtures/audit-recorder.mjs');

const acknowledged = ({ output }: Program) => [...output.matchAll(/^ack (\S+)$/gm)].map(([, token]) => token ?? '');

/**
 * Lists the acknowledged events that are not stored, the events that are stored twice, and the fault of the chain
 * after everything is sealed.
 */
async function compare(app: AuditApp, acked: string[]): Promise<Comparison> {
  const rows = await app.sql('SELECT target, count(*)::int AS count FROM audit_events GROUP BY target');
  const stored = new Map(rows.map(({ target, count }) => [target as string, count as number]));
  // The sealer skips events that another connection is sealing, such as the connection of a killed process.
  await until('everything is sealed', async () => {
    await app.sealer.seal();
    return (await app.sql('SELECT FROM audit_unsealed')).length === 0;
  });
  const { fault, verified } = await app.verifier.verify();
  return {
    lost: acked.filter((token) => !stored.has(token)),
    twice: [...stored].filter(([, count]) => count > 1).map(([token]) => token),
    unsealed: stored.size - verified,
    fault,
  };
}

interface Comparison {
  readonly lost: string[];
  readonly twice: string[];
  readonly unsealed: number;
  readonly fault: ChainFault | undefined;
}

const NOTHING_WRONG: Comparison = { lost: [], twice: [], unsealed: 0, fault: undefined };

describe('an event that a process has acknowledged', () => {
  beforeAll(built);

  it(
    `is stored exactly once when the process is killed repeatedly (${ROUNDS} times)`,
    { tags: 'long', timeout: 60_000 + ROUNDS * 20_000 },
    async () => {
      const folder = await testFolder();
      const url = await ownDatabase();
      const acked: string[] = [];
      const observer = await AuditApp.start(url, { sealIntervalMs: 0 });
      for (let round = 0; round < ROUNDS; round++) {
        const program = new Program(RECORDER, { DATABASE_URL: url, JOURNAL: folder.path, ROUND: String(round) });
        await program.says('ready');
        await program.says(/^ack /m);
        // A random delay, so that the kill hits any moment of recording, writing and removing.
        await sleep(randomInt(0, 300));
        const begun = new Date();
        program.kill('SIGKILL');
        await program.ends();
        acked.push(...acknowledged(program));
        // A seal that was in progress at the kill is stored completely or not at all.
        expect(await observer.verifier.verify({ from: new Date(begun.getTime() - 1_000) })).toMatchObject({
          valid: true,
        });
      }
      await observer.stop();
      expect(acked.length).toBeGreaterThan(ROUNDS);
      // Without files here, the journal would have no events to recover.
      expect(await readdir(folder.path)).not.toEqual([]);
      const app = await AuditApp.start(url, { journalDir: folder.path });
      await app.audit.flush();
      expect(await compare(app, acked)).toEqual(NOTHING_WRONG);
      await app.stop();
      expect(await readdir(folder.path)).toEqual([]);
      await folder.stop();
    },
  );

  it('is stored exactly once when two processes share the folder and are killed in turn', async () => {
    const folder = await testFolder();
    const url = await ownDatabase();
    const start = (round: string) =>
      new Program(RECORDER, { DATABASE_URL: url, JOURNAL: folder.path, ROUND: round, PER_BURST: '4' });
    const [one, other] = [start('one'), start('other')];
    await Promise.all([one.says(/^ack /m), other.says(/^ack /m)]);
    one.kill('SIGKILL');
    await one.ends();
    const third = start('third');
    await third.says(/^ack /m);
    other.kill('SIGKILL');
    third.kill('SIGKILL');
    await Promise.all([other.ends(), third.ends()]);
    const app = await AuditApp.start(url, { journalDir: folder.path });
    await app.audit.flush();
    const acked = [one, other, third].flatMap(acknowledged);
    expect(await compare(app, acked)).toEqual(NOTHING_WRONG);
    await app.stop();
    await folder.stop();
  });

  it(
    'is not lost when the database stops under load and restarts, although memory is limited',
    { tags: 'long', timeout: 600_000 + OUTAGE_EVENTS * 20 },
    async () => {
      const [folder, data] = [await testFolder(), await testFolder()];
      const server = () =>
        EmbeddedPostgres.start({ dataDir: data.path, port: lastingPort(), settings: { fsync: 'on' } });
      let database = await server();
      const program = new Program(RECORDER, { DATABASE_URL: database.url, JOURNAL: folder.path, ROUND: '0' });
      await program.says(/^ack /m);
      await database.stop();
      const before = acknowledged(program).length;
      // More events than memory holds (200), so that only the journal has the rest.
      const grown = (events: number) => () => {
        if (program.exitCode !== undefined) throw new Error(`The recorder ended with ${program.exitCode}:\n${tail()}`);
        return acknowledged(program).length > before + events;
      };
      const tail = () => program.output.slice(-4_000);
      const patience = { withinMs: 120_000 + OUTAGE_EVENTS * 5, everyMs: 200 };
      await until('events are acknowledged without a database', grown(OUTAGE_EVENTS), patience);
      database = await server();
      await until('new events are acknowledged', grown(OUTAGE_EVENTS + 1_000), patience);
      program.kill('SIGTERM');
      // The process stores the remaining events before it exits.
      await program.ends(180_000 + OUTAGE_EVENTS * 2);
      const app = await AuditApp.start(database.url, { journalDir: folder.path });
      await app.audit.flush();
      expect(await compare(app, acknowledged(program))).toEqual(NOTHING_WRONG);
      await app.stop();
      await database.stop();
      await Promise.all([folder.stop(), data.stop()]);
    },
  );
});
