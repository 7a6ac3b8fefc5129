import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

describe('the check of the exports', () => {
  const root = mkdtempSync(join(tmpdir(), 'bulwark-exports-'));
  const writeManifest = (path: string) =>
    writeFileSync(join(root, 'package.json'), JSON.stringify({ exports: { './thing': path } }));
  beforeAll(() => {
    mkdirSync(join(root, 'src/thing'), { recursive: true });
    writeManifest('./dist/thing/index.js');
    writeFileSync(
      join(root, 'src/thing/thing.ts'),
      '/** @publicApi */\nexport const open = 1;\nexport const hidden = 2;\n',
    );
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const check = (index: string) => {
    writeFileSync(join(root, 'src/thing/index.ts'), index);
    return spawnSync(process.execPath, ['scripts/check-exports.mjs', root], { encoding: 'utf8' });
  };

  it('accepts public names, and other names in an export that is tagged as internal', () => {
    const index = `export { open } from './thing.js';\n/** @internal */\nexport { hidden } from './thing.js';\n`;
    expect(check(index)).toMatchObject({ status: 0, stderr: '' });
  });

  it.each([
    ['a name without a tag', `export { open, hidden } from './thing.js';`, 'hidden of src/thing/thing.ts is exported'],
    ['an export of everything', `export * from './thing.js';`, 'Export by name'],
    ['import.meta', `export const folder = import.meta.dirname;`, 'src/thing/index.ts: uses import.meta'],
  ])('refuses %s', (_what, index, message) => {
    const { status, stderr } = check(index);
    expect(status).toBe(1);
    expect(stderr).toContain(message);
  });

  it('refuses an entry whose types typesVersions does not find', () => {
    writeManifest('./dist/thing/thing.js');
    const { status, stderr } = check(`export { open } from './thing.js';`);
    expect(status).toBe(1);
    expect(stderr).toContain('"./thing" is ./dist/thing/thing.js, so typesVersions does not find its types.');
  });
});
