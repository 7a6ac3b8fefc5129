// Sends requests at a constant rate, even if earlier ones have no response yet. It runs in its own process, so that the
// work and the garbage collection of other code do not affect the measured times.
import { Agent, request } from 'node:http';
import { answer, type Order } from './protocol.js';

/** More connections than are ever open at once, so that no request waits for one. */
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

function timed(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    request({ host: '127.0.0.1', port, path, agent }, (response) => {
      response.resume().on('end', () => {
        if (response.statusCode === 200) resolve((performance.now() - started) * 1000);
        else reject(new Error(`${path} answered ${response.statusCode}`));
      });
    })
      .on('error', reject)
      .end();
  });
}

async function paced(port: number, path: string, perSecond: number, seconds: number): Promise<number[]> {
  const pending: Promise<number>[] = [];
  const started = performance.now();
  const count = perSecond * seconds;
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(count, Math.floor(((performance.now() - started) / 1000) * perSecond));
      while (pending.length < due) pending.push(timed(port, path));
      if (pending.length < count) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
  return Promise.all(pending);
}

process.on('message', (order: Order) => {
  if (order.type !== 'paced') return;
  const { port, path, perSecond, seconds } = order;
  paced(port, path, perSecond, seconds).then(
    (times) => answer({ type: 'paced', times }),
    (error: unknown) => answer({ type: 'failed', reason: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
