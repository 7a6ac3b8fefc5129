import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

describe('the check of the tables in docs', () => {
  const root = mkdtempSync(join(tmpdir(), 'bulwark-docs-'));
  const copy = (folder: string) =>
    cpSync(folder, join(root, folder), {
      recursive: true,
      filter: (path) => statSync(path).isDirectory() || /\.(?:md|txt|spec\.ts)$/.test(path),
    });
  beforeAll(() => ['src', 'test', 'scripts'].forEach(copy));
  beforeEach(() => copy('docs'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const check = () => spawnSync(process.execPath, ['scripts/check-docs.mjs', root], { encoding: 'utf8' });
  const edit = (page: string, change: (text: string) => string) => {
    const path = join(root, 'docs', page);
    const before = readFileSync(path, 'utf8');
    const after = change(before);
    expect(after).not.toBe(before);
    writeFileSync(path, after);
  };

  it('accepts the documentation as it is', () => {
    expect(check()).toMatchObject({ status: 0, stderr: '' });
  });

  it.each([
    [
      'a test that is not there',
      'security.md',
      /(\| safe-fetch\.spec\.ts +\| )[^|]+\|/,
      '$1no such test |',
      'has no test "no such test"',
    ],
    [
      'a file that is not there',
      'security.md',
      /safe-fetch\.spec\.ts/,
      'no-such.spec.ts',
      'there is no file of tests no-such.spec.ts',
    ],
    ['a table that cannot be read', 'security.md', /^\| /gm, '|', 'docs/security.md names 0 tests'],
    ['a requirement that is missing', 'asvs.md', /^\| 1\.1\.1 .*\n/m, '', 'names requirement 1.1.1 0 times'],
    ['a requirement that is named twice', 'asvs.md', /^(\| 1\.1\.1 .*\n)/m, '$1$1', 'names requirement 1.1.1 2 times'],
    ['a requirement that does not exist', 'asvs.md', /^\| 1\.1\.1 /m, '| 1.1.99 ', '1.1.99, which is no requirement'],
    ['a wrong level', 'asvs.md', /^(\| 1\.1\.1 +\| )2/m, '$11', 'gives 1.1.1 level 1, not 2'],
  ])('fails on %s', (_fault, page, pattern, replacement, message) => {
    edit(page, (text) => text.replace(pattern, replacement));
    const { status, stderr } = check();
    expect(stderr).toContain(message);
    expect(status).toBe(1);
  });
});
