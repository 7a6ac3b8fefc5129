import { groupOf, type CheckReport, type CheckResult } from './check-result.js';
import { evidenceLines } from './evidence.js';

/**
 * The report as JUnit XML, in the form that CI servers read: a suite for each group, a warning as `system-out`, since the
 * format knows no warnings.
 *
 * @publicApi
 */
export function toJUnit(report: CheckReport, name: string): string {
  const suites = [...grouped(report.checks)].map(([group, checks]) => suiteOf(group, checks)).join('\n');
  const { pass, warn, fail, skip } = report.summary;
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n` +
    `<testsuites name="${escaped(name)}" tests="${pass + warn + fail + skip}" failures="${fail}" skipped="${skip}" ` +
    `time="${seconds(report.durationMs)}" timestamp="${report.startedAt}">\n${suites}\n</testsuites>\n`
  );
}

function grouped(checks: CheckResult[]): Map<string, CheckResult[]> {
  const groups = new Map<string, CheckResult[]>();
  for (const check of checks) {
    const members = groups.get(groupOf(check.check));
    if (members) members.push(check);
    else groups.set(groupOf(check.check), [check]);
  }
  return groups;
}

function suiteOf(group: string, checks: CheckResult[]): string {
  const count = (status: string) => checks.filter((check) => check.status === status).length;
  const time = checks.reduce((sum, { durationMs }) => sum + durationMs, 0);
  return (
    `  <testsuite name="${escaped(group)}" tests="${checks.length}" failures="${count('fail')}" ` +
    `skipped="${count('skip')}" time="${seconds(time)}">\n${checks.map(caseOf).join('\n')}\n  </testsuite>`
  );
}

function caseOf(result: CheckResult): string {
  const { check, title, status, remedy = '', durationMs, reference } = result;
  const text = escaped([...evidenceLines(result), remedy, reference].filter(Boolean).join('\n'));
  const head = `    <testcase classname="${escaped(groupOf(check))}" name="${escaped(`${check}: ${title}`)}" time="${seconds(durationMs)}"`;
  if (status === 'pass') return `${head}/>`;
  const inner = {
    fail: `<failure message="${escaped(remedy)}">${text}</failure>`,
    warn: `<system-out>warning: ${text}</system-out>`,
    skip: `<skipped message="${text}"/>`,
  }[status];
  return `${head}>${inner}</testcase>`;
}

const seconds = (ms: number) => (ms / 1000).toFixed(3);

/** Text for XML 1.0, which has no way at all to write most control characters. */
function escaped(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\n': '&#10;' };
  return (
    text
      // oxlint-disable-next-line no-control-regex -- they are what it looks for
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
      .replace(/[&<>"\n]/g, (character) => entities[character] ?? character)
  );
}
