import { styleText } from 'node:util';
import { groupOf, type CheckReport, type CheckResult, type CheckStatus } from './check-result.js';
import { evidenceLines } from './evidence.js';

const MARKS: Record<CheckStatus, [mark: string, colour: 'green' | 'yellow' | 'red' | 'gray']> = {
  pass: ['✔', 'green'],
  warn: ['!', 'yellow'],
  fail: ['✘', 'red'],
  skip: ['-', 'gray'],
};

/** The report for a terminal: a line for each check, evidence and remedy below what did not pass. @publicApi */
export function toPretty(report: CheckReport, { colours = false, verbose = false } = {}): string {
  const paint = (colour: Parameters<typeof styleText>[0], text: string) =>
    colours ? styleText(colour, text, { validateStream: false }) : text;
  const lines: string[] = [];
  let group = '';
  for (const result of report.checks) {
    if (groupOf(result.check) !== group) {
      group = groupOf(result.check);
      lines.push('', paint('bold', group));
    }
    const [mark, colour] = MARKS[result.status];
    lines.push(`  ${paint(colour, mark)} ${result.title} ${paint('gray', result.check)}`);
    lines.push(...detailsOf(result, verbose).map((line) => `      ${line}`));
  }
  const { pass, warn, fail, skip } = report.summary;
  if (report.notes) lines.push('', ...report.notes.map((note) => paint('yellow', note)));
  lines.push('', `${pass} passed, ${warn} warned, ${fail} failed, ${skip} skipped; score ${report.score} of 100`);
  return `${lines.join('\n').trimStart()}\n`;
}

function detailsOf(result: CheckResult, verbose: boolean): string[] {
  const isCalm = result.status === 'pass' || result.status === 'skip';
  if (isCalm && !verbose) return [];
  const evidence = evidenceLines(result).filter((line) => verbose || !line.startsWith('met: '));
  return [...evidence, ...(result.remedy === undefined ? [] : [`→ ${result.remedy}`, `  ${result.reference}`])];
}
