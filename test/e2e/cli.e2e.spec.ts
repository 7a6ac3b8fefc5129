import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testFolder } from '../support/folder.js';
import { TestApp } from '../support/harness.js';
import { testDatabase } from '../support/database.js';
import { Program } from '../support/program.js';

describe('the command nest-bulwark', () => {
  let folder: Awaited<ReturnType<typeof testFolder>>;
  let env: Record<string, string>;
  beforeAll(async () => {
    folder = await testFolder();
    env = { DATABASE_URL: await testDatabase(), BCRYPT_COST: '4' };
  });
  afterAll(() => folder.stop());

  const command = (line: string) => new Program(`cli/main.js ${line}`, env, folder.path);
  const run = async (line: string, input = '') => {
    const program = command(line).reads(input);
    return { code: await program.ends(), output: program.output };
  };

  it('is declared in package.json, and prints its version', async () => {
    const { bin, version } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(bin).toEqual({ 'nest-bulwark': 'dist/cli/main.js' });
    expect(await run('--version')).toEqual({ code: 0, output: `${version}\n` });
  });

  it('prints help for each command, and refuses an unknown command with exit code 64', async () => {
    for (const line of ['migrate --help', 'admin create --help']) {
      expect(await run(line)).toMatchObject({ code: 0, output: expect.stringMatching(/^Usage: nest-bulwark /) });
    }
    expect(await run('admin destroy')).toMatchObject({
      code: 64,
      output: expect.stringMatching(/^There is no command/),
    });
  });

  it('creates an administrator only once, with an audit event, and refuses a common password', async () => {
    const email = `admin-${process.pid}@example.com`;
    const line = `admin create --email ${email} --password-stdin`;
    const weak = await run(line, 'password123\n');
    expect([weak.code, weak.output]).toEqual([65, expect.stringContaining('one of the most common ones')]);
    const made = await run(line, 'correct horse battery\n');
    expect(made).toEqual({ code: 0, output: `created the administrator ${email}\n` });
    expect(await run(line, 'correct horse battery\n')).toMatchObject({ code: 65 });
    const app = await TestApp.start();
    try {
      const { token, id } = await app.login(email, 'correct horse battery');
      expect((await app.get('/admin/users', { token })).status).toBe(200);
      const events = await app.sql(
        `SELECT outcome FROM audit_events WHERE action = 'user.admin_create' AND target = $1`,
        [`user:${id}`],
      );
      expect(events).toEqual([{ outcome: 'success' }]);
    } finally {
      await app.stop();
    }
  });

  it('generates a password that works', async () => {
    const email = `generated-${process.pid}@example.com`;
    const { code, output } = await run(`admin create --email ${email} --generate-password`);
    expect(code).toBe(0);
    const [, password = ''] = /^password: (.+)$/m.exec(output) ?? [];
    const app = await TestApp.start();
    await app.login(email, password);
    await app.stop();
  });

  it('refuses an invalid address, no password and two password sources with exit code 64', async () => {
    const options = [
      '--email x --password-stdin',
      '--email a@b.c',
      '--email a@b.c --password-stdin --generate-password',
    ];
    const refused = await Promise.all(options.map((line) => run(`admin create ${line}`)));
    expect(refused.map(({ code }) => code)).toEqual([64, 64, 64]);
  });
});
