import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { expect, it } from 'vitest';
import { MODULE_PEERS, type ModulePeers } from './module-peers.js';

const code = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(' ');

/** The entries of a row of README.md: `nest-bulwark/doctor`, and `all` for `nest-bulwark`. */
function entriesOf(row: string): string[] {
  const [first = ''] = row.split(' | ');
  return [...first.matchAll(/`nest-bulwark(?:\/([\w-]+))?`/g)].map(([, name = 'all']) => name);
}

/** The last cell of the row of a module. */
function describePeers(name: string, { needs, adapters, features = [] }: ModulePeers): string {
  const before = Object.entries(MODULE_PEERS).find(([, other]) => needs.length > 3 && other.needs === needs)?.[0];
  const shared = before !== undefined && before !== name ? `those of ${before}` : code(needs);
  const further = [
    ...(adapters ? [`${code(adapters.express)} on Express`, `${code(adapters.fastify)} on Fastify`] : []),
    ...(features.length > 0
      ? [`(${features.map(({ feature, packages }) => `${code(packages)} for ${feature}`).join('; ')})`]
      : []),
  ];
  const isComplete = shared.startsWith('those of') && further.length > 0;
  return isComplete
    ? shared
    : [shared, ...further]
        .filter((text) => text !== '')
        .join(', ')
        .replaceAll(', (', ' (');
}

it('is the list that README.md shows', async () => {
  const readme = readFileSync('README.md', 'utf8');
  const rows = readme.split('\n').filter((line) => line.startsWith('| `nest-bulwark'));
  expect(rows.flatMap(entriesOf).sort()).toEqual(Object.keys(MODULE_PEERS).sort());
  const replaced = readme.split('\n').map((line) => {
    const [name] = line.startsWith('| `nest-bulwark') ? entriesOf(line) : [];
    const peers = name === undefined ? undefined : MODULE_PEERS[name];
    if (name === undefined || peers === undefined) return line;
    return `${line.split(' | ').slice(0, 2).join(' | ')} | ${describePeers(name, peers)} |`;
  });
  const options = await resolveConfig('README.md');
  const formatted = await format(replaced.join('\n'), { ...options, parser: 'markdown' });
  await expect(formatted).toMatchFileSnapshot(resolve('README.md'));
});
