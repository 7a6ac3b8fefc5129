import { randomUUID } from 'node:crypto';
import type { Hit, Policy } from './policy.js';

/** Hits of one key that were counted in this process and not in the shared store. */
export interface PendingCharge {
  readonly policy: Policy;
  readonly key: string;
  readonly windowMs: number;
  /** When the window of `current` began. */
  startedAt: number;
  current: number;
  /** Hits of the window before. */
  previous: number;
}

/** A charge that is being sent. It keeps its id, so that the shared store counts it once however often it is sent. */
export interface SentCharge {
  readonly id: string;
  readonly policy: Policy;
  readonly key: string;
  readonly windowMs: number;
  /** Negative where the shared store has counted more than it should. */
  readonly cost: number;
  /** How long ago the window of these hits began, in milliseconds. */
  readonly ageMs: number;
}

interface Unconfirmed {
  readonly charge: SentCharge;
  readonly sentAt: number;
}

/** Keys beyond this number are counted in this process only. */
const MAX_PENDING = 10_000;
/** For how long the shared store recognises a charge that it has counted already. */
export const CHARGE_ID_TTL_MS = 60_000;

/** What the shared store must still learn of the hits that this process counted while the store did not answer in time. */
export class PendingCharges {
  private readonly charges = new Map<string, PendingCharge>();
  private readonly unconfirmed = new Map<string, Unconfirmed>();

  constructor(private readonly now: () => number) {}

  get size(): number {
    return this.charges.size + this.unconfirmed.size;
  }

  /** @param cost negative for hits that were refunded, or that the shared store turned out to have counted */
  add({ policy, key, windowMs }: Hit, cost: number): void {
    const now = this.now();
    const name = nameOf(policy, key);
    const known = this.charges.get(name);
    if (!known && this.size >= MAX_PENDING) return;
    const charge = known ?? { policy, key, windowMs, startedAt: now, current: 0, previous: 0 };
    moveTo(charge, now);
    charge.current += cost;
    if (charge.current === 0 && charge.previous === 0) this.charges.delete(name);
    else this.charges.set(name, charge);
  }

  /** Forgets a key, as an administrator has done. */
  delete(policy: Policy, key: string): void {
    this.charges.delete(nameOf(policy, key));
  }

  /** Up to `count` charges to send, those without a confirmation first. Each stays here until it is confirmed or expires. */
  take(count: number): SentCharge[] {
    const now = this.now();
    for (const [id, { sentAt }] of this.unconfirmed) {
      if (now - sentAt >= CHARGE_ID_TTL_MS) this.unconfirmed.delete(id);
    }
    for (const [name, charge] of this.charges) {
      if (this.unconfirmed.size >= count) break;
      this.charges.delete(name);
      const sent = sentCharge(charge, now);
      if (sent) this.unconfirmed.set(sent.id, { charge: sent, sentAt: now });
    }
    return [...this.unconfirmed.values()].slice(0, count).map(({ charge }) => charge);
  }

  confirm({ id }: SentCharge): void {
    this.unconfirmed.delete(id);
  }
}

function nameOf(policy: Policy, key: string): string {
  return `${policy.id}:${key}`;
}

/** Begins the window of now, as `CounterTable.take()` does. */
function moveTo(charge: PendingCharge, now: number): void {
  const { windowMs, policy } = charge;
  const elapsed = now - charge.startedAt;
  if (elapsed < windowMs) return;
  const isNextWindow = !policy.isFixed && elapsed < 2 * windowMs;
  charge.previous = isNextWindow ? charge.current : 0;
  charge.startedAt = isNextWindow ? charge.startedAt + windowMs : now;
  charge.current = 0;
}

/** Hits of the previous window weigh what they weigh at this moment; undefined where nothing is left to send. */
function sentCharge(charge: PendingCharge, now: number): SentCharge | undefined {
  moveTo(charge, now);
  const { policy, key, windowMs, startedAt, current, previous } = charge;
  const ageMs = now - startedAt;
  const cost = current + Math.ceil((previous * (windowMs - ageMs)) / windowMs);
  return cost === 0 ? undefined : { id: randomUUID(), policy, key, windowMs, cost, ageMs };
}
