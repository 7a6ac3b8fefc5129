import { randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuditMaintenance } from '../../src/audit/index.js';
import { firstIdOf, startOfMonth } from '../../src/audit/store/months.js';
import { AuditApp } from '../support/audit-app.js';
import { ownDatabase } from '../support/database.js';
import { testFolder } from '../support/folder.js';
import { amountOf } from '../support/long-form.js';

const VERIFICATIONS = amountOf('VERIFICATIONS', { short: 12, long: 500 });
const REPLICAS = 3;
const TENANTS = ['a', 'b', undefined];
const NOW = new Date();

/** An event that a journal delivers months late, when its partition no longer exists or does not exist yet. */
const lateEvent = (time: Date) => ({
  id: `${firstIdOf(time).slice(0, 14)}7${randomUUID().slice(15)}`,
  occurred_at: time.toISOString(),
  action: 'thing.late',
  outcome: 'success',
  severity: 'INFO',
  targets: [],
  metadata: {},
});

describe('a verification while recording, sealing and maintenance run', () => {
  let folder: Awaited<ReturnType<typeof testFolder>>;
  let replicas: AuditApp[];
  let isOver = false;
  const work: Promise<void>[] = [];
  const failures: unknown[] = [];

  /** Repeats a step until the test ends. */
  const goOn = (step: (round: number) => Promise<unknown>) => {
    const run = async () => {
      for (let round = 0; !isOver; round++) {
        await step(round);
        await turn();
      }
    };
    work.push(run().catch((error: unknown) => void failures.push(error)));
  };

  beforeAll(async () => {
    folder = await testFolder();
    const url = await ownDatabase();
    const options = {
      sealIntervalMs: 1,
      flushIntervalMs: 1,
      maintenanceIntervalMs: 0,
      digests: folder.path,
      sealSecret: 'a secret',
      retentionDays: 30,
    };
    replicas = await Promise.all(Array.from({ length: REPLICAS }, () => AuditApp.start(url, options)));
    for (const [replica, app] of replicas.entries()) {
      goOn(async (round) => {
        for (const tenantId of TENANTS) {
          app.audit.record({ action: 'thing.made', outcome: 'success', target: `t:${replica}-${round}`, tenantId });
        }
        await app.audit.flush();
      });
      goOn(() => app.digests.run({ now: true }));
    }
    const [first, second] = replicas as [AuditApp, AuditApp];
    // These months have no partition. Past months are dropped as soon as they are sealed.
    goOn(async (round) => {
      const months = [-4 - (round % 3), 5 + (round % 3)];
      const events = months.map((later) => lateEvent(startOfMonth(NOW, later)));
      await second.sql('SELECT audit_append($1)', [JSON.stringify(events)]);
    });
    goOn((round) => first.get(AuditMaintenance).run(startOfMonth(NOW, round % 8)));
  });

  afterAll(async () => {
    isOver = true;
    await Promise.all(work);
    await Promise.all(replicas.map((app) => app.stop()));
    await folder.stop();
  });

  it(
    `never reports a fault that does not exist (${VERIFICATIONS} times)`,
    { tags: 'long', timeout: 300_000 + VERIFICATIONS * 2_000 },
    async () => {
      for (let i = 0; i < VERIFICATIONS; i++) {
        const app = replicas[i % REPLICAS] as AuditApp;
        const from = i % 2 === 0 ? {} : { from: new Date(Date.now() - 1_000) };
        const { valid, fault } = await app.verifier.verify(from);
        expect({ i, valid, fault }).toEqual({ i, valid: true, fault: undefined });
      }
      expect(replicas.map(({ digests }) => digests.contradiction)).toEqual(replicas.map(() => undefined));
      // A failure would mean that less work ran than the title says.
      expect(failures).toEqual([]);
    },
  );
});
