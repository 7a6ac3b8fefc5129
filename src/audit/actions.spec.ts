import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { AUDIT_VOCABULARY } from './actions.js';

it('every action of the vocabulary stands in docs/audit.md', async () => {
  const page = await readFile('docs/audit.md', 'utf8');
  const table = page.slice(page.indexOf('## What is recorded by itself'), page.indexOf('## Delivery'));
  const missing = AUDIT_VOCABULARY.map(({ action }) => action).filter((action) => !table.includes(`| \`${action}\``));
  expect(missing).toEqual([]);
});
