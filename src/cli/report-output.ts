import { writeFileSync } from 'node:fs';
import { toGithubAnnotations, toJUnit, toPretty, toSarif, type CheckReport } from '../reports/index.js';
import { UsageError } from './command.js';

const FORMATS = ['pretty', 'json', 'junit', 'sarif', 'github'] as const;

/** Options of every command that ends in a report. */
export const REPORT_OPTIONS = {
  format: { type: 'string', argument: 'FORMAT', describes: `${FORMATS.join(', ')} (pretty)` },
  output: { type: 'string', short: 'o', argument: 'FILE', describes: 'writes the report there' },
  'fail-on': { type: 'string', argument: 'LEVEL', describes: 'warn or fail: what makes the exit code 1 (fail)' },
  verbose: { type: 'boolean', short: 'v', describes: 'shows evidence of what passed, too' },
} as const;

interface ReportValues {
  format?: string;
  output?: string;
  'fail-on'?: string;
  verbose?: boolean;
}

/**
 * Reads the options before the work is done, so that a wrong one does not cost a run; then writes the report and answers
 * with the exit code.
 */
export function reportWriter(values: ReportValues, subject: string): (report: CheckReport) => number {
  const format = oneOf('format', values.format ?? 'pretty', FORMATS);
  const failOn = oneOf('fail-on', values['fail-on'] ?? 'fail', ['warn', 'fail'] as const);
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

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw new UsageError(`--${name} is one of ${allowed.join(', ')}, not "${value}".`);
  return found;
}
