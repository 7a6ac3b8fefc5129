import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { deleteAccounts, makeAccounts } from './accounts.js';
import { measure, type Measurement } from './measure.js';
import { cells, COLUMNS, htmlReport } from './report.js';
import { LOAD_SCENARIOS } from './scenarios.js';

const usage = `npm run loadtest -- [scenario...] [options]
${LOAD_SCENARIOS.map(({ name, describes, seconds }) => `  ${name.padEnd(12)} ${describes} (${seconds} s)`).join('\n')}

  --url URL          the application (http://localhost:3000)
  --seconds N        length of each scenario, instead of its own
  --connections N    connections, instead of the scenario's own
  --report FILE      writes charts there (loadtest.html)
  --max-p99 MS       exit code 1 when the p99 of a scenario is above
  --min-rate N       exit code 1 when a scenario has fewer requests a second
  --max-failed PCT   exit code 1 when more fail, in percent (0)
All but soak run when none is named. Start the application with limits that fit:
  THROTTLE_DEFAULT_LIMIT=100000000 THROTTLE_AUTH_LIMIT=100000 npm start`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      url: { type: 'string', default: 'http://localhost:3000' },
      seconds: { type: 'string' },
      connections: { type: 'string' },
      report: { type: 'string', default: 'loadtest.html' },
      'max-p99': { type: 'string' },
      'min-rate': { type: 'string' },
      'max-failed': { type: 'string', default: '0' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const url = new URL(values.url);
  const names =
    positionals.length > 0 ? positionals : LOAD_SCENARIOS.map(({ name }) => name).filter((n) => n !== 'soak');
  const chosen = names.map((name) => {
    const scenario = LOAD_SCENARIOS.find((one) => one.name === name);
    if (!scenario) throw new Error(`There is no scenario "${name}".\n${usage}`);
    return scenario;
  });

  const accounts = await makeAccounts(url, Math.max(...chosen.map((scenario) => scenario.accounts)));
  const runs: Measurement[] = [];
  try {
    for (const scenario of chosen) {
      const seconds = number('seconds', values.seconds) ?? scenario.seconds;
      const run = await measure(url, scenario, accounts.slice(0, scenario.accounts), {
        seconds,
        connections: number('connections', values.connections) ?? scenario.connections,
        onSecond: ({ requests, p99, failed }, elapsed) =>
          progress(
            `${scenario.name} ${elapsed}/${seconds} s  ${requests} req/s  p99 ${p99.toFixed(1)} ms  ${failed} failed`,
          ),
      });
      runs.push(run);
    }
  } finally {
    progress('');
    const left = await deleteAccounts(url, accounts);
    if (left > 0) console.error(`${left} accounts at loadtest.invalid could not be deleted`);
  }
  print(runs);
  writeFileSync(values.report, htmlReport(url.href, runs, new Date()));
  console.log(`charts: ${values.report}`);
  const faults = runs.flatMap((run) => faultsOf(run, values));
  for (const fault of faults) console.error(fault);
  return faults.length > 0 ? 1 : 0;
}

function faultsOf(
  run: Measurement,
  limits: { 'max-p99'?: string; 'min-rate'?: string; 'max-failed': string },
): string[] {
  const { scenario, requests, failed, p99, rate } = run;
  const maxP99 = number('max-p99', limits['max-p99']) ?? Infinity;
  const minRate = number('min-rate', limits['min-rate']) ?? 0;
  const failedPercent = requests + failed === 0 ? 100 : (100 * failed) / Math.max(requests, failed);
  return [
    ...(p99 > maxP99 ? [`${scenario}: p99 is ${p99.toFixed(1)} ms, above ${maxP99}`] : []),
    ...(rate < minRate ? [`${scenario}: ${rate.toFixed(0)} req/s, below ${minRate}`] : []),
    ...(failedPercent > Number(limits['max-failed'])
      ? [`${scenario}: ${failedPercent.toFixed(2)} % failed, by status: ${JSON.stringify(run.statuses)}`]
      : []),
  ];
}

function number(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} must be a number above 0, not "${text}"`);
  return value;
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${text}`);
}

function print(runs: readonly Measurement[]): void {
  const rows = [COLUMNS, ...runs.map(cells)];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) {
    console.log(
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
    );
  }
}

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 2;
  },
);
