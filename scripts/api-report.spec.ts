import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

describe('the API report', () => {
  const root = mkdtempSync(join(tmpdir(), 'bulwark-api-'));
  const write = (file: string, text: string) => writeFileSync(join(root, file), text);
  const run = (...options: string[]) =>
    spawnSync(process.execPath, ['scripts/api-report.mjs', ...options, root], { encoding: 'utf8' });

  beforeAll(() => {
    mkdirSync(join(root, 'dist/thing'), { recursive: true });
    const exports = { '.': './dist/index.js', './thing': './dist/thing/index.js' };
    write('package.json', JSON.stringify({ name: 'things', type: 'module', exports }));
    write('dist/index.d.ts', `export * from './thing/index.js';\n`);
    write('dist/thing/index.d.ts', `export { Thing } from './thing.js';\n`);
    write(
      'dist/thing/thing.d.ts',
      `/** A thing. */\nexport declare class Thing {\n    private readonly secret;\n    size(): number;\n}\n`,
    );
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('has each public declaration once, without comments and private members', () => {
    expect(run()).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(join(root, 'api/thing.api.md'), 'utf8')).toContain(
      '```ts\nexport declare class Thing {\n    size(): number;\n}\n```',
    );
    expect(readFileSync(join(root, 'api/things.api.md'), 'utf8')).toContain(`export { Thing } from 'things/thing';`);
    expect(run('--check')).toMatchObject({ status: 0 });
  });

  it('is out of date after a change of the types', () => {
    run();
    write('dist/thing/thing.d.ts', 'export declare class Thing {\n    size(): string;\n}\n');
    expect(run('--check')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('api/thing.api.md is out of date'),
    });
  });
});
