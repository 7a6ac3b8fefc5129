import { RevocationService } from '../../src/auth/index.js';
import type { TestApp } from './harness.js';
import { until } from './until.js';

/** Of a change on another replica: far from the half minute for which one that misses the news goes on with what it remembers. */
export const BY_NEWS = { withinMs: 15_000 };

/** Until a replica hears the others. Before, it remembers nothing for longer than a second, and so needs no news. */
export function hearsNews({ app }: TestApp): Promise<void> {
  const revocations = app.get(RevocationService, { strict: false }) as unknown as { lastHeardAt: number };
  return until('the replica hears the others', () => revocations.lastHeardAt > 0);
}
