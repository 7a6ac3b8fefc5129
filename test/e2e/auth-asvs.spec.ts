import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const HEADERS = new Set(['requirement', 'requirements']);

/** Numbers of the requirements of levels 1 and 2, each with its level. */
const REQUIREMENTS = new Map(
  readFileSync(join(ROOT, 'test/fixtures/asvs-5.0.0.txt'), 'utf8')
    .split('\n')
    .filter((line) => /^\d/.test(line))
    .map((line) => line.split(' ') as [number: string, level: string]),
);

const rows = readFileSync(join(ROOT, 'docs/asvs.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, ...cells]) => cells.slice(0, -1))
  .filter(([first = '']) => !HEADERS.has(first) && !first.startsWith('---'));

const met = rows
  .filter((cells) => cells.length === 5)
  .map(([requirement = '', level = '', , file = '', test = '']) => ({ requirement, level, file, test }));
const waived = rows
  .filter((cells) => cells.length === 2)
  .flatMap(([numbers = '']) => numbers.split(', ').flatMap(span));

/** `1.4.1–1.4.3` as the three that it stands for. */
function span(text: string): string[] {
  const [first = '', last = first] = text.split('–');
  const [chapter, section, from] = first.split('.');
  const to = Number(last.split('.')[2]);
  return Array.from({ length: to - Number(from) + 1 }, (_, i) => `${chapter}.${section}.${Number(from) + i}`);
}

const specs = new Map(
  ['src', 'test'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.spec.ts'))
      .map((path) => [basename(path), join(ROOT, folder, path)] as const),
  ),
);

describe('docs/asvs.md', () => {
  it('says of each requirement of levels 1 and 2, once, how it is met or why not', () => {
    const numbers = [...met.map(({ requirement }) => requirement), ...waived];
    expect(numbers.toSorted()).toEqual([...REQUIREMENTS.keys()].toSorted());
  });

  it.each(met)('ASVS $requirement has its level, and is proved by a test that exists', (row) => {
    const { requirement, level, file, test } = row;
    expect(level).toBe(REQUIREMENTS.get(requirement));
    const path = specs.get(file);
    expect(path, `${file} is no spec of this project`).toBeDefined();
    const source = readFileSync(path ?? '', 'utf8');
    const isNamed = ["'", '`', '"'].some((quote) => source.includes(`${quote}${test}${quote},`));
    expect(isNamed, `${file} has no test "${test}"`).toBe(true);
  });
});
