import { styleText } from 'node:util';
import { getGroup, type CheckReport, type CheckResult, type CheckStatus } from './check-result.js';
import { formatEvidence } from './evidence.js';

const MARKS: Record<CheckStatus, [mark: string, colour: 'green' | 'yellow' | 'red' | 'gray']> = {
  pass: ['✔', 'green'],
  warn: ['!', 'yellow'],
  fail: ['✘', 'red'],
  skip: ['-', 'gray'],
};

/** Formats a report for a terminal: one line for each check, with evidence and remedy if it did not pass. @publicApi */
export function toPretty(report: CheckReport, { colours = false, verbose = false } = {}): string {
  const paint = (colour: Parameters<typeof styleText>[0], text: string) =>
    colours ? styleText(colour, text, { validateStream: false }) : text;
  const lines: string[] = [];
  let group = '';
  for (const result of report.checks) {
    if (getGroup(result.check) !== group) {
      group = getGroup(result.check);
      lines.push('', paint('bold', group));
    }
    const [mark, colour] = MARKS[result.status];
    lines.push(`  ${paint(colour, mark)} ${result.title} ${paint('gray', result.check)}`);
    lines.push(...formatDetails(result, verbose).map((line) => `      ${line}`));
  }
  const { pass, warn, fail, skip } = report.summary;
  if (report.notes) lines.push('', ...report.notes.map((note) => paint('yellow', note)));
  lines.push('', `${pass} passed, ${warn} warned, ${fail} failed, ${skip} skipped; score ${report.score} of 100`);
  return `${lines.join('\n').trimStart()}\n`;
}

function formatDetails(result: CheckResult, verbose: boolean): string[] {
  const needsNoAction = result.status === 'pass' || result.status === 'skip';
  if (needsNoAction && !verbose) return [];
  const evidence = formatEvidence(result).filter((line) => verbose || !line.startsWith('met: '));
  return [...evidence, ...(result.remedy === undefined ? [] : [`→ ${result.remedy}`, `  ${result.reference}`])];
}
