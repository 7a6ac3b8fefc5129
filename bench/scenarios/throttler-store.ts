import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { MicroScenario, Row, RunOptions } from '../harness/scenario.js';
import type { Counted } from '../servers/count-keys.js';

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('../servers/count-keys.js', import.meta.url));
const SUBJECTS = ['nest-bulwark', '@nestjs/throttler'];
/** Ten times the maximum number of keys. The stock store has no maximum, and would need seven gigabytes. */
const FLOOD = 10_000_000;
const CASES = [
  ...[1, 10_000, 1_000_000].flatMap((keys) => SUBJECTS.map((subject) => ({ subject, keys }))),
  { subject: 'nest-bulwark', keys: FLOOD },
];

/** A new process for each run, so that its memory contains no old data. */
async function count(subject: string, keys: number, seconds: number): Promise<Counted> {
  const { stdout } = await run(process.execPath, ['--expose-gc', PROGRAM, subject, String(keys), String(seconds)]);
  return JSON.parse(stdout) as Counted;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

async function measure({ rounds, seconds }: RunOptions): Promise<Row[]> {
  const results = CASES.map(() => [] as Counted[]);
  for (let round = 0; round < rounds; round++) {
    for (const i of round % 2 === 0 ? CASES.keys() : [...CASES.keys()].toReversed()) {
      const { subject, keys } = CASES[i];
      const counted = await count(subject, keys, seconds);
      results[i].push(counted);
      console.log(`  round ${round + 1}  ${keys} keys  ${subject}: ${counted.nanoseconds.toFixed(0)} ns`);
    }
  }
  return CASES.map(({ subject, keys }, i) => {
    const of = (figure: keyof Counted) => median(results[i].map((counted) => counted[figure]));
    return {
      store: subject,
      keys,
      'CPU ns per decision': Math.round(of('nanoseconds')),
      'bytes per key': keys === 1 ? '–' : Math.round(of('bytesPerKey')),
      'longest decision ms': of('longestMs').toFixed(1),
      'longest collection ms': of('longestCollectionMs').toFixed(1),
    };
  });
}

export const throttlerStore: MicroScenario = {
  kind: 'micro',
  name: 'throttler-store',
  description:
    'One decision in memory: ours and that of `@nestjs/throttler`, with 1000 hits of the first key in the window before the measurement.',
  packages: ['@nestjs/throttler'],
  notes: [
    'CPU time of the process, including its garbage collector, divided by the number of decisions. The keys are created before the measurement and used in the order of their creation, because a server has also just read the key of its request.',
    'Bytes per key are on the heap and in typed arrays after a garbage collection, in a new process, without the key string of the caller. The table has the most free space when it has just been split.',
    'The longest decision is the longest first use of a key, when tables grow, without decisions during a garbage collection. The column beside it is the longest garbage collection during the first uses; most of it comes from the million keys of the benchmark itself. Both are elapsed times, and include other work of the machine.',
    `${FLOOD} keys are ten times the limit (\`maxKeys\`), so most decisions about a new key find a full table. Bytes are those of the table, divided by the number of keys that it may hold.`,
  ],
  run: measure,
};
