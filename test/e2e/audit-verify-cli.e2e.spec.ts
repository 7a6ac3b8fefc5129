import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuditApp } from '../support/audit-app.js';
import { built } from '../support/built.js';
import { ownDatabase } from '../support/database.js';
import { testFolder } from '../support/folder.js';
import { Program } from '../support/program.js';

describe('nest-bulwark audit verify', () => {
  let folder: Awaited<ReturnType<typeof testFolder>>;
  let url: string;
  let app: AuditApp;
  beforeAll(async () => {
    built();
    folder = await testFolder();
    url = await ownDatabase();
    // Only the test creates digests: if two processes create one at the same time, one of them skips it.
    const byHand = { sealIntervalMs: 0, maintenanceIntervalMs: 0 };
    app = await AuditApp.start(url, { ...byHand, digests: `${folder.path}/.data/audit-digests` });
    await app.sealed(['1', '2'], 'a');
    await app.sealed(['1']);
    await app.digests.run({ now: true });
  });
  afterAll(async () => {
    await app.stop();
    await folder.stop();
  });

  const run = async (...args: string[]) => {
    const program = new Program('cli/main.js', { DATABASE_URL: url }, folder.path, ['audit', 'verify', ...args]);
    return { code: await program.ends(), output: program.output };
  };

  it('exits with code 0 if nothing was changed', async () => {
    const { code, output } = await run();
    expect([code, output]).toEqual([
      0,
      expect.stringMatching(/^valid: trail [0-9a-f-]{36}, 3 events of 2 chains verified.* 1 digests\n$/),
    ]);
    const { code: again, output: json } = await run('--json', '--tenant', 'a', '--from', '2020-01-01');
    expect([again, JSON.parse(json)]).toEqual([0, expect.objectContaining({ valid: true, verified: 2 })]);
  });

  it('refuses an invalid time with exit code 64', async () => {
    expect(await run('--from', 'yesterday')).toMatchObject({
      code: 64,
      output: expect.stringContaining('is not a valid time'),
    });
  });

  it('names the first bad row and exits with code 1', async () => {
    const [{ id }] = await app.sql(`SELECT id FROM audit_events WHERE tenant_id = 'a' AND target = '2'`);
    await app.tamper(`UPDATE audit_events SET action = 'x' WHERE id = '${id}'`);
    expect(await run()).toMatchObject({
      code: 1,
      output: expect.stringContaining(`changed: tenant "a", seal 2, event ${id}`),
    });
    await app.tamper(`DELETE FROM audit_seals WHERE tenant = ''`, 'DELETE FROM audit_events WHERE tenant_id IS NULL');
    expect(await run('--tenant=')).toMatchObject({ code: 1, output: expect.stringContaining('truncated') });
  });

  it('exits with code 1 if the trail got another id and its digests were deleted', async () => {
    await app.tamper('DELETE FROM audit_digests', 'UPDATE audit_log SET id = gen_random_uuid()');
    expect(await run()).toMatchObject({
      code: 1,
      output: expect.stringContaining('TAMPERED: digest'),
    });
  });
});
