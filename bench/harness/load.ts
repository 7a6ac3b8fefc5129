// The load generator. It runs in its own process, so that its work is not counted as the server's work.
import autocannon from 'autocannon';
import { answer, cpuMicros, type LoadJob, type LoadResult, type Order } from './protocol.js';

process.on('message', (order: Order) => {
  if (order.type !== 'load') return;
  run(order).then(
    (result) => answer({ type: 'load', result }),
    (error: unknown) => answer({ type: 'failed', reason: String(error) }),
  );
});
process.on('disconnect', () => process.exit());

async function run({ port, connections, seconds, requests }: LoadJob): Promise<LoadResult> {
  let connection = 0;
  const cpuBefore = cpuMicros();
  const result = await autocannon({
    url: `http://127.0.0.1:${port}`,
    connections,
    duration: seconds,
    setupClient: (client) => {
      const index = connection++;
      const share = requests.filter((_, position) => position % connections === index);
      const own = share.length > 0 ? share : [requests[index % requests.length]];
      client.setRequests(own.map((request) => ({ headers: {}, ...request })));
    },
  });
  return {
    seconds: result.duration,
    statuses: Object.fromEntries(Object.entries(result.statusCodeStats).map(([code, { count }]) => [code, count])),
    errors: result.errors,
    p99Ms: result.latency.p99,
    cpuMicros: cpuMicros() - cpuBefore,
  };
}
