import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { canPin } from './child.js';
import type { Row, Scenario } from './scenario.js';

const root = join(import.meta.dirname, '../../..');
const resultsFile = join(root, 'bench/RESULTS.md');
const heading =
  '# Benchmark results\n\nWritten by `npm run bench -- --write`; [README.md](README.md) says how to read it.\n';

export function table(rows: Row[]): string {
  if (rows.length === 0) return '(no rows)';
  const columns = Object.keys(rows[0]);
  const line = (cells: (string | number)[]) => `| ${cells.join(' | ')} |`;
  const alignment = columns.map((_, index) => (index === 0 ? '---' : '---:'));
  return [line(columns), line(alignment), ...rows.map((row) => line(columns.map((column) => row[column] ?? '')))].join(
    '\n',
  );
}

/** The report of the scenario in Markdown: what was measured, the figures, and the environment. */
export function section(scenario: Scenario, rows: Row[], command: string): string {
  const [cpu] = cpus();
  const pinning = canPin ? 'server on core 0, load generator on core 1' : 'processes not pinned to cores';
  const facts = [
    `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    `Node ${process.version}`,
    `${cpus().length} cores, ${cpu?.model.trim() ?? 'unknown CPU'}`,
    ...(scenario.kind === 'http' ? [pinning] : []),
  ];
  const packages = (scenario.packages ?? []).map((name) => `${name} ${installedVersion(name)}`);
  return [
    `## ${scenario.name}`,
    scenario.description,
    table(rows),
    (scenario.notes ?? []).map((note) => `- ${note}`).join('\n'),
    `\`${command}\` — ${facts.join('; ')}.`,
    packages.length > 0 ? `Versions: ${packages.join(', ')}.` : '',
  ]
    .filter(Boolean)
    .join('\n\n');
}

/** Replaces the earlier section of the scenario. Other sections do not change. */
export async function writeSection(name: string, text: string): Promise<string> {
  const [open, close] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`];
  const current = existsSync(resultsFile) ? readFileSync(resultsFile, 'utf8') : heading;
  const start = current.indexOf(open);
  const end = current.indexOf(close);
  if (start >= 0 && end < start) throw new Error(`${resultsFile}: ${open} without ${close}; mend it by hand`);
  const before = start < 0 ? current : current.slice(0, start);
  const after = start < 0 ? '' : current.slice(end + close.length);
  const markdown = `${before.trimEnd()}\n\n${open}\n\n${text}\n\n${close}\n${after}`;
  const style = await resolveConfig(resultsFile);
  writeFileSync(resultsFile, await format(markdown, { ...style, parser: 'markdown' }));
  return resultsFile;
}

function installedVersion(name: string): string {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8'));
    return (manifest as { version: string }).version;
  } catch {
    return '(not installed)';
  }
}
