import { describe, expect, it } from 'vitest';
import { KeyedQueue } from './keyed-queue.js';

/** Creates work that adds its name to `started`, and ends when `finish` is called. */
function createWork(started: string[]) {
  const release = new Map<string, () => void>();
  const work = (name: string) => () => {
    started.push(name);
    return new Promise<void>((resolve) => release.set(name, resolve));
  };
  return { work, finish: (name: string) => release.get(name)?.() };
}

describe('KeyedQueue', () => {
  it('runs work with the same key one after the other, and work with another key at once', async () => {
    const queue = new KeyedQueue(10);
    const started: string[] = [];
    const { work, finish } = createWork(started);
    const [first, second, other] = [
      queue.run(['a'], work('first')),
      queue.run(['a'], work('second')),
      queue.run(['b'], work('other')),
    ];
    await new Promise(setImmediate);
    expect(started).toEqual(['first', 'other']);
    finish('first');
    await first;
    await new Promise(setImmediate);
    expect(started).toEqual(['first', 'other', 'second']);
    finish('second');
    finish('other');
    await Promise.all([second, other]);
    expect(queue.size).toBe(0);
  });

  it('continues after failed work', async () => {
    const queue = new KeyedQueue(10);
    const failed = queue.run(['a'], () => Promise.reject(new Error('broken')));
    await expect(failed).rejects.toThrow('broken');
    await expect(queue.run(['a', 'b'], async () => 'done')).resolves.toBe('done');
    expect(queue.size).toBe(0);
  });

  it('waits for all keys of a caller', async () => {
    const queue = new KeyedQueue(10);
    const started: string[] = [];
    const { work, finish } = createWork(started);
    const both = queue.run(['a', 'b'], work('both'));
    const one = queue.run(['b'], work('one'));
    await new Promise(setImmediate);
    expect(started[0]).toBe('one');
    finish('one');
    await one;
    await new Promise(setImmediate);
    expect(started).toEqual(['one', 'both']);
    finish('both');
    await both;
  });

  it('refuses a caller if too many wait', async () => {
    const queue = new KeyedQueue(2);
    const { work, finish } = createWork([]);
    const first = queue.run(['a'], work('first'));
    const second = queue.run(['a'], async () => undefined);
    expect(() => queue.run(['a'], async () => undefined)).toThrow('Too many requests change this account');
    await new Promise(setImmediate);
    finish('first');
    await Promise.all([first, second]);
    await expect(queue.run(['a'], async () => 'again')).resolves.toBe('again');
  });
});
