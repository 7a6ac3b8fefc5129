import { writeFileSync } from 'node:fs';
import { toGithubAnnotations, toJUnit, toPretty, toSarif, type CheckReport } from '../reports/index.js';
import { UsageError } from './command.js';

const FORMATS = ['pretty', 'json', 'junit', 'sarif', 'github'] as const;

/** Options of every command that creates a report. */
export const REPORT_OPTIONS = {
  format: { type: 'string', argument: 'FORMAT', description: `${FORMATS.join(', ')} (pretty)` },
  output: { type: 'string', short: 'o', argument: 'FILE', description: 'writes the report to this file' },
  'fail-on': {
    type: 'string',
    argument: 'LEVEL',
    description: 'warn or fail: the lowest level with exit code 1 (fail)',
  },
  verbose: { type: 'boolean', short: 'v', description: 'shows the evidence of passed checks too' },
} as const;

interface ReportValues {
  format?: string;
  output?: string;
  'fail-on'?: string;
  verbose?: boolean;
}

/**
 * Parses the options before the checks run, so that a wrong option fails early. The returned function writes the report and
 * returns the exit code.
 */
export function createReportWriter(values: ReportValues, subject: string): (report: CheckReport) => number {
  const format = parseChoice('format', values.format ?? 'pretty', FORMATS);
  const failOn = parseChoice('fail-on', values['fail-on'] ?? 'fail', ['warn', 'fail'] as const);
  const { output, verbose = false } = values;
  const colours = output === undefined && process.stdout.isTTY === true;
  const render = {
    pretty: (report: CheckReport) => toPretty(report, { verbose, colours }),
    json: (report: CheckReport) => `${JSON.stringify(report, undefined, 2)}\n`,
    junit: (report: CheckReport) => toJUnit(report, subject),
    sarif: (report: CheckReport) => `${JSON.stringify(toSarif(report, subject), undefined, 2)}\n`,
    github: toGithubAnnotations,
  }[format];
  return (report) => {
    if (output === undefined) process.stdout.write(render(report));
    else writeFileSync(output, render(report));
    return report.status === 'fail' || (failOn === 'warn' && report.status === 'warn') ? 1 : 0;
  };
}

function parseChoice<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined)
    throw new UsageError(`--${name} must be one of ${allowed.join(', ')}. "${value}" is not allowed.`);
  return found;
}
