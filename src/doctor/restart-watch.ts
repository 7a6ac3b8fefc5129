import { setTimeout as sleep } from 'node:timers/promises';
import { checkExpectations, skip, runCheck, type CheckResult } from '../reports/index.js';
import type { ResponseData } from './exchange.js';
import { Target } from './target.js';

/** Enough to detect a gap of 100 ms, and few enough for a production system. */
const REQUESTS_PER_SECOND = 20;

/**
 * Sends requests while the operator restarts the API. Every request must get a response.
 *
 * @param path a public GET route
 * @publicApi
 */
export function watchRestart(
  url: URL,
  { durationMs, path = '/' }: { durationMs: number; path?: string },
): Promise<CheckResult> {
  const check = {
    name: 'restart.graceful',
    title: 'A restart loses no request',
    reference: 'Kubernetes: termination of pods',
  };
  return runCheck(check, async () => {
    const target = new Target(url);
    const normal = (await target.send(path)).status;
    const end = performance.now() + durationMs;
    const asked: Promise<ResponseData>[] = [];
    while (performance.now() < end) {
      asked.push(target.send(path, { retryWhenLimited: false }));
      await sleep(1000 / REQUESTS_PER_SECOND);
    }
    const answers = await Promise.all(asked);
    const lost = answers.filter(({ status }) => status !== normal && status !== 429);
    const isLimited = answers.every(({ status }) => status === 429);
    if (isLimited) return skip(`every request to ${path} was limited. Use a route without a limit`);
    const kinds = [...new Set(lost.map(({ status, failure }) => failure ?? String(status)))];
    return checkExpectations(
      [
        {
          what: `all ${answers.length} requests get the same status as before (${normal})`,
          met: lost.length === 0,
          seen: { lost: lost.length, kinds },
        },
      ],
      'Let the readiness probe fail first and continue to serve until the load balancers notice. Then close the port and finish running requests.',
    );
  });
}
