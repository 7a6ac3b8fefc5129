import { parseArgs } from 'node:util';
import { canPin, stopAll } from './harness/child.js';
import { section, writeSection } from './harness/results.js';
import { runHttp } from './harness/run-http.js';
import type { RunOptions, Scenario } from './harness/scenario.js';
import { scenarios } from './scenarios/index.js';

const usage = `npm run bench -- [scenario...] [options]
  scenarios: ${scenarios.map((scenario) => scenario.name).join(', ')} (default: all)
  --rounds N       measurements per server (5)
  --seconds N      length of a measurement (5)
  --warmup N       seconds of load before each measurement (6)
  --connections N  concurrent connections (50)
  --servers A,B    only servers whose name contains A or B
  --write          put the figures into bench/RESULTS.md`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '5' },
      warmup: { type: 'string', default: '6' },
      connections: { type: 'string', default: '50' },
      servers: { type: 'string', default: '' },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(usage);

  const options: RunOptions = {
    rounds: positiveInteger('rounds', values.rounds),
    seconds: positiveInteger('seconds', values.seconds),
    warmupSeconds: positiveInteger('warmup', values.warmup),
    connections: positiveInteger('connections', values.connections),
    servers: values.servers.split(',').filter(Boolean),
  };
  if (values.write && options.servers.length > 0) {
    throw new Error('--write with --servers would drop the other servers from the results');
  }
  const chosen = positionals.length > 0 ? positionals.map(scenarioNamed) : scenarios;

  if (!canPin) console.log('taskset or a second core is missing: processes are not pinned, expect more noise');
  for (const scenario of chosen) {
    console.log(`${scenario.name}: ${scenario.description}`);
    const rows = scenario.kind === 'http' ? await runHttp(scenario, options) : await scenario.run(options);
    const report = section(scenario, rows, commandFor(scenario, options));
    console.log(`\n${report}\n`);
    if (values.write) console.log(`written to ${await writeSection(scenario.name, report)}`);
  }
}

function positiveInteger(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} must be a whole number above 0, not '${text}'`);
  return value;
}

function scenarioNamed(name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name);
  if (!found) throw new Error(`there is no scenario '${name}'\n${usage}`);
  return found;
}

/** The full command that measures this section again, with all defaults. */
function commandFor(scenario: Scenario, { rounds, seconds, warmupSeconds, connections }: RunOptions): string {
  return `npm run bench -- ${scenario.name} --rounds ${rounds} --seconds ${seconds} --warmup ${warmupSeconds} --connections ${connections}`;
}

let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    interrupted = true;
    console.error(`\n${signal}: stopping`);
    void stopAll().finally(() => process.exit(130));
  });
}

try {
  await main();
} catch (error) {
  if (!interrupted) console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
