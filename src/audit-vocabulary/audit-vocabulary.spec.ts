import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import type { AuditActionName, AuditTrail } from '../ports/index.js';
import { SUITE_ACTIONS, type SuiteAction, type SuiteAuditActions } from './index.js';

const actions: Readonly<Record<string, SuiteAction<unknown>>> = SUITE_ACTIONS;
const names = Object.keys(actions);

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts') && !file.startsWith('audit-vocabulary'))
  .map((file) => readFileSync(join('src', file), 'utf8'));

describe('the vocabulary of the suite', () => {
  it('has every action that the suite records', () => {
    const recorded = sources.flatMap((source) => [...source.matchAll(/\baction: '([^']+\.[^']+)'/g)]);
    expect(recorded.length).toBeGreaterThan(20);
    expect(recorded.map(([, name]) => name).filter((name) => !names.includes(name))).toEqual([]);
  });

  it.each(names)('has no action that nothing records: %s', (name) => {
    expect(sources.some((source) => source.includes(`'${name}'`))).toBe(true);
  });

  it('has dotted names, and sentences that describe them', () => {
    for (const [name, { description }] of Object.entries(actions)) {
      expect(name).toMatch(/^[a-z]+(?:_[a-z]+)*\.[a-z]+(?:_[a-z]+)*$/);
      expect(description).toMatch(/^[A-Z].*\.$/);
    }
  });

  // `npx vitest run audit-vocabulary -u` writes the table again.
  it('is the table in docs/audit-actions.md', async () => {
    const page = readFileSync('docs/audit-actions.md', 'utf8');
    await expect(page.replace(/^\| Action [^]*$/m, table())).toMatchFileSnapshot('../../docs/audit-actions.md');
  });
});

describe('the types of audit events', () => {
  type Record = AuditTrail['record'];
  const check = (_record: (record: Record) => void) => undefined;

  it('accept an action of the suite with its metadata, and any action of the application', () => {
    check((record) => record({ action: 'user.lock', outcome: 'success' }));
    check((record) => record({ action: 'auth.logout_all', outcome: 'success', metadata: { ended: 2 } }));
    check((record) => record({ action: 'wallet.debit', outcome: 'success', metadata: { amount: 2 } }));
    expectTypeOf<SuiteAuditActions['api_key.revoke_all']>().toEqualTypeOf<{ revoked: number }>();
  });

  it('refuse a misspelt action of the suite, and metadata of another shape', () => {
    expectTypeOf<AuditActionName<'user.lok'>>().toBeNever();
    // @ts-expect-error -- no such action
    check((record) => record({ action: 'user.lok', outcome: 'success' }));
    // @ts-expect-error -- a number
    check((record) => record({ action: 'auth.logout_all', outcome: 'success', metadata: { ended: 'two' } }));
    // @ts-expect-error -- no such key
    check((record) => record({ action: 'auth.logout_all', outcome: 'success', metadata: { ended: 2, other: 1 } }));
    // @ts-expect-error -- without metadata
    check((record) => record({ action: 'user.lock', outcome: 'success', metadata: { reason: 'x' } }));
  });
});

/** The table in Markdown, with aligned columns as prettier formats them. */
function table(): string {
  const rows = Object.entries(actions).map(([name, { severity, isSecurity, metadata, owasp, ocsf, description }]) => [
    `\`${name}\``,
    description,
    severity ?? 'by outcome',
    isSecurity ? '`durable`' : '`batch`',
    metadataOf(metadata),
    owasp === undefined ? '' : `\`${owasp}\``,
    `${ocsf.classUid} ${ocsf.className} / ${ocsf.activityName}`,
  ]);
  const all = [['Action', 'What happened', 'Severity', 'Mode', 'Metadata', 'OWASP', 'OCSF'], ...rows];
  const widths = (all[0] ?? []).map((_title, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const [head, ...body] = all.map((row) => `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`);
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return `${[head, rule, ...body].join('\n')}\n`;
}

/** `ended: integer`, with a question mark after the names of optional keys. */
function metadataOf(schema: z.ZodType): string {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, {
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema._zod.def.type === 'date') jsonSchema.type = 'date' as never;
    },
  });
  return Object.entries(properties)
    .map(([key, property]) => `\`${key}${required.includes(key) ? '' : '?'}: ${typeOf(property)}\``)
    .join(', ');
}

function typeOf(property: unknown): string {
  const { type, anyOf } = property as { type?: string; anyOf?: { type?: string }[] };
  return type ?? anyOf?.map(({ type: one }) => one).join(' or ') ?? 'any';
}
