import { RevocationService } from '../../src/auth/index.js';
import type { TestApp } from './harness.js';
import { until } from './until.js';

/** Maximum time of a message to another replica: well below the 30 seconds after which it reads its states again. */
export const BY_MESSAGE = { withinMs: 15_000 };

interface Channels {
  channels: { canReceive: boolean; isSubscribed: boolean }[];
}

/** Waits until a replica receives messages over every channel. Before that, it caches no state for longer than a second. */
export function waitForSubscriptions({ app }: TestApp): Promise<void> {
  const { channels } = app.get(RevocationService, { strict: false }) as unknown as Channels;
  const areSubscribed = () => channels.every(({ canReceive, isSubscribed }) => !canReceive || isSubscribed);
  return until('the replica receives messages', areSubscribed);
}
