import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

describe('the check of regular expressions', () => {
  const file = join(tmpdir(), `bulwark-regex-${process.pid}.ts`);
  const check = () => spawnSync(process.execPath, ['scripts/check-regexes.mjs', file], { encoding: 'utf8' });
  afterAll(() => rmSync(file, { force: true }));

  it('fails on one that is not linear', { timeout: 60_000 }, () => {
    // A client who sends "aaaa…!" would keep the process busy for years.
    writeFileSync(file, 'export const word = /^(?:a+)+$/;\n');
    const { status, stderr } = check();
    expect(status).toBe(1);
    expect(stderr).toContain(`${file}:1: /^(?:a+)+$/ is not linear (exponential`);
    writeFileSync(file, 'export const word = /^a+$/;\n');
    expect(check().status).toBe(0);
  });
});
