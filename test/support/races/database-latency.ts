import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource, type EntitySubscriberInterface } from 'typeorm';
import type { Dice } from '../fuzz.js';
import type { TestApp } from '../harness.js';

const MAX_DELAY_MS = 3;

/**
 * Delays every second statement, as a database behind a network does. It widens the gap between a check and the act that
 * follows from it: a flow that leaves such a gap loses its races in a few rounds instead of in thousands.
 */
export class DatabaseLatency implements EntitySubscriberInterface {
  private races = 0;

  constructor(private readonly dice: Dice) {}

  addTo({ app }: TestApp): void {
    app.get(DataSource).subscribers.push(this);
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    this.races++;
    try {
      return await work();
    } finally {
      this.races--;
    }
  }

  async beforeQuery(): Promise<void> {
    if (this.races > 0 && this.dice.chance(0.5)) await sleep(this.dice.next() * MAX_DELAY_MS);
  }
}
