import { describe, expect, it } from 'vitest';
import { KeyedQueue } from './keyed-queue.js';

/** Work that ends when the test says so, and notes when it began. */
function heldWork(began: string[]) {
  const release = new Map<string, () => void>();
  const work = (name: string) => () => {
    began.push(name);
    return new Promise<void>((resolve) => release.set(name, resolve));
  };
  return { work, finish: (name: string) => release.get(name)?.() };
}

describe('KeyedQueue', () => {
  it('lets callers of one key in one after the other, and callers of another key at once', async () => {
    const queue = new KeyedQueue(10);
    const began: string[] = [];
    const { work, finish } = heldWork(began);
    const [first, second, other] = [
      queue.run(['a'], work('first')),
      queue.run(['a'], work('second')),
      queue.run(['b'], work('other')),
    ];
    await new Promise(setImmediate);
    expect(began).toEqual(['first', 'other']);
    finish('first');
    await first;
    await new Promise(setImmediate);
    expect(began).toEqual(['first', 'other', 'second']);
    finish('second');
    finish('other');
    await Promise.all([second, other]);
    expect(queue.size).toBe(0);
  });

  it('goes on after work that failed', async () => {
    const queue = new KeyedQueue(10);
    const failed = queue.run(['a'], () => Promise.reject(new Error('broken')));
    await expect(failed).rejects.toThrow('broken');
    await expect(queue.run(['a', 'b'], async () => 'done')).resolves.toBe('done');
    expect(queue.size).toBe(0);
  });

  it('holds all keys of a caller', async () => {
    const queue = new KeyedQueue(10);
    const began: string[] = [];
    const { work, finish } = heldWork(began);
    const both = queue.run(['a', 'b'], work('both'));
    const one = queue.run(['b'], work('one'));
    await new Promise(setImmediate);
    expect(began[0]).toBe('one');
    finish('one');
    await one;
    await new Promise(setImmediate);
    expect(began).toEqual(['one', 'both']);
    finish('both');
    await both;
  });

  it('refuses a caller when too many wait', async () => {
    const queue = new KeyedQueue(2);
    const { work, finish } = heldWork([]);
    const first = queue.run(['a'], work('first'));
    const second = queue.run(['a'], async () => undefined);
    expect(() => queue.run(['a'], async () => undefined)).toThrow('Too many requests change this account');
    await new Promise(setImmediate);
    finish('first');
    await Promise.all([first, second]);
    await expect(queue.run(['a'], async () => 'again')).resolves.toBe('again');
  });
});
