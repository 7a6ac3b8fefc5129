import { fork, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { built } from '../support/built.js';

describe('four processes with one Redis', () => {
  beforeAll(() => built(), 300_000);

  it('allow exactly the limit when two thousand requests come at once', async () => {
    const args = [inject('redisUrl'), `${randomUUID()}:`, '500', '777'];
    const replicas = Array.from({ length: 4 }, () => fork('test/support/throttle-replica.mjs', args));
    const nextMessages = (of: ChildProcess[]) =>
      Promise.all(
        of.map(async (replica) => {
          const [message] = (await Promise.race([
            once(replica, 'message'),
            once(replica, 'exit').then(([code]) => Promise.reject(new Error(`a replica ended with ${code}`))),
          ])) as [{ admitted: number; failures: number }];
          return message;
        }),
      );
    await nextMessages(replicas);
    const results = nextMessages(replicas);
    for (const replica of replicas) replica.send('go');
    const counts = await results;
    expect(counts.map(({ failures }) => failures)).toEqual([0, 0, 0, 0]);
    expect(counts.reduce((sum, { admitted }) => sum + admitted, 0)).toBe(777);
  });
});
