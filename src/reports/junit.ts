import { getGroup, type CheckReport, type CheckResult } from './check-result.js';
import { formatEvidence } from './evidence.js';

/**
 * Formats a report as JUnit XML for CI servers, with one suite for each group. A warning becomes `system-out`, because the
 * format has no warnings.
 *
 * @publicApi
 */
export function toJUnit(report: CheckReport, name: string): string {
  const suites = [...groupChecks(report.checks)].map(([group, checks]) => formatSuite(group, checks)).join('\n');
  const { pass, warn, fail, skip } = report.summary;
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n` +
    `<testsuites name="${escapeXml(name)}" tests="${pass + warn + fail + skip}" failures="${fail}" skipped="${skip}" ` +
    `time="${toSeconds(report.durationMs)}" timestamp="${report.startedAt}">\n${suites}\n</testsuites>\n`
  );
}

function groupChecks(checks: CheckResult[]): Map<string, CheckResult[]> {
  const groups = new Map<string, CheckResult[]>();
  for (const check of checks) {
    const members = groups.get(getGroup(check.check));
    if (members) members.push(check);
    else groups.set(getGroup(check.check), [check]);
  }
  return groups;
}

function formatSuite(group: string, checks: CheckResult[]): string {
  const count = (status: string) => checks.filter((check) => check.status === status).length;
  const time = checks.reduce((sum, { durationMs }) => sum + durationMs, 0);
  return (
    `  <testsuite name="${escapeXml(group)}" tests="${checks.length}" failures="${count('fail')}" ` +
    `skipped="${count('skip')}" time="${toSeconds(time)}">\n${checks.map(formatCase).join('\n')}\n  </testsuite>`
  );
}

function formatCase(result: CheckResult): string {
  const { check, title, status, remedy = '', durationMs, reference } = result;
  const text = escapeXml([...formatEvidence(result), remedy, reference].filter(Boolean).join('\n'));
  const head = `    <testcase classname="${escapeXml(getGroup(check))}" name="${escapeXml(`${check}: ${title}`)}" time="${toSeconds(durationMs)}"`;
  if (status === 'pass') return `${head}/>`;
  const inner = {
    fail: `<failure message="${escapeXml(remedy)}">${text}</failure>`,
    warn: `<system-out>warning: ${text}</system-out>`,
    skip: `<skipped message="${text}"/>`,
  }[status];
  return `${head}>${inner}</testcase>`;
}

const toSeconds = (ms: number) => (ms / 1000).toFixed(3);

/** Escapes text for XML 1.0. Most control characters cannot be written in XML 1.0, so they are replaced. */
function escapeXml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\n': '&#10;' };
  return (
    text
      // oxlint-disable-next-line no-control-regex -- the pattern must match control characters
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
      .replace(/[&<>"\n]/g, (character) => entities[character] ?? character)
  );
}
