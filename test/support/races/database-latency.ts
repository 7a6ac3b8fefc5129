import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource, type EntitySubscriberInterface } from 'typeorm';
import type { Dice } from '../fuzz.js';
import type { TestApp } from '../harness.js';

const MAX_DELAY_MS = 3;

/**
 * Delays every second statement, like a database behind a network. This makes the time between a check and its action
 * longer. If a flow is not safe in this time, it fails after a few rounds instead of thousands.
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
