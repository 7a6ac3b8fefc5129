import { describe, expect, it } from 'vitest';
import { WorkQueue } from './work-queue.js';

/** A job that runs until `end()` is called. */
function createJob() {
  let end = () => {};
  const done = new Promise<void>((resolve) => (end = resolve));
  return { run: () => done, end: () => end() };
}

describe('WorkQueue', () => {
  it('runs a limited number of jobs in parallel, and the others in order of arrival', async () => {
    const queue = new WorkQueue(2, 10);
    const started: number[] = [];
    const jobs = [0, 1, 2, 3].map(() => createJob());
    const all = jobs.map(({ run }, i) =>
      queue.run(() => {
        started.push(i);
        return run();
      }),
    );
    await Promise.resolve();
    expect(started).toEqual([0, 1]);
    jobs[1]?.end();
    await all[1];
    expect(started).toEqual([0, 1, 2]);
    for (const { end } of jobs) end();
    await Promise.all(all);
    expect(started).toEqual([0, 1, 2, 3]);
  });

  it('refuses jobs with 503 and Retry-After when too many wait, and accepts jobs again later', async () => {
    const queue = new WorkQueue(1, 1);
    const [first, second] = [createJob(), createJob()];
    const running = [queue.run(first.run), queue.run(second.run)];
    await expect(queue.run(first.run)).rejects.toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      headers: { 'Retry-After': expect.any(String) },
    });
    first.end();
    second.end();
    await Promise.all(running);
    await expect(queue.run(async () => 'done')).resolves.toBe('done');
  });

  it('continues after a failed job', async () => {
    const queue = new WorkQueue(1, 1);
    await expect(queue.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(queue.run(async () => 'done')).resolves.toBe('done');
  });
});
