import { RevocationService } from '../../src/auth/index.js';
import type { TestApp } from './harness.js';
import { until } from './until.js';

/** Of a change on another replica: far from the half minute for which one that misses the news goes on with what it remembers. */
export const BY_NEWS = { withinMs: 15_000 };

interface Links {
  links: { isSubscribed: boolean; isConnected(now: number): boolean }[];
}

/** Until a replica hears the others by every channel. Before, it remembers nothing for longer than a second, and so needs no news. */
export function hearsNews({ app }: TestApp): Promise<void> {
  const { links } = app.get(RevocationService, { strict: false }) as unknown as Links;
  const isConnected = () => links.every((link) => !link.isSubscribed || link.isConnected(performance.now()));
  return until('the replica hears the others', isConnected);
}
