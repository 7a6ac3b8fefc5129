import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const HEADERS = new Set(['requirement', '']);

interface Row {
  requirement: string;
  file: string;
  test: string;
}

const rows: Row[] = readFileSync(join(ROOT, 'docs/asvs.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| -'))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, requirement = '', file = '', test = '']) => ({ requirement, file, test }))
  .filter(({ requirement }) => !HEADERS.has(requirement));

const specs = new Map(
  ['src', 'test'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.spec.ts'))
      .map((path) => [basename(path), join(ROOT, folder, path)] as const),
  ),
);

it('the table of ASVS requirements is read', () => {
  expect(rows.length).toBeGreaterThan(20);
});

it.each(rows)('ASVS $requirement is proved by a test that exists', ({ file, test }) => {
  const path = specs.get(file);
  expect(path, `${file} is no spec of this project`).toBeDefined();
  const source = readFileSync(path ?? '', 'utf8');
  const isNamed = ["'", '`'].some((quote) => source.includes(`${quote}${test}${quote},`));
  expect(isNamed, `${file} has no test "${test}"`).toBe(true);
});
