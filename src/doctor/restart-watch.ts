import { setTimeout as sleep } from 'node:timers/promises';
import { judge, skip, timed, type CheckResult } from '../reports/index.js';
import type { Answer } from './exchange.js';
import { Target } from './target.js';

/** Requests a second: enough to meet a gap of 100 ms, few enough for a system in use. */
const RATE = 20;

/**
 * Watches an API while its operator restarts it: every request must be answered.
 *
 * @param path an open GET route
 * @publicApi
 */
export function watchRestart(
  url: URL,
  { durationMs, path = '/' }: { durationMs: number; path?: string },
): Promise<CheckResult> {
  const check = {
    name: 'restart.graceful',
    title: 'A restart costs no request',
    reference: 'Kubernetes: termination of pods',
  };
  return timed(check, async () => {
    const target = new Target(url);
    const normal = (await target.send(path)).status;
    const end = performance.now() + durationMs;
    const asked: Promise<Answer>[] = [];
    while (performance.now() < end) {
      asked.push(target.send(path, { patient: false }));
      await sleep(1000 / RATE);
    }
    const answers = await Promise.all(asked);
    const lost = answers.filter(({ status }) => status !== normal && status !== 429);
    const isLimited = answers.every(({ status }) => status === 429);
    if (isLimited) return skip(`every request to ${path} was limited; name a route without a limit`);
    const kinds = [...new Set(lost.map(({ status, failure }) => failure ?? String(status)))];
    return judge(
      [
        {
          what: `all ${answers.length} requests are answered as before (${normal})`,
          met: lost.length === 0,
          seen: { lost: lost.length, kinds },
        },
      ],
      'Turn readiness off first, go on serving while balancers notice, then close the port and finish what is in flight.',
    );
  });
}
