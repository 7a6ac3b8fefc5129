import { randomUUID } from 'node:crypto';
import type { Hit, Policy } from './policy.js';

/** Hits of one key that were counted in this process and not in the shared store. */
export interface PendingCharge {
  readonly policy: Policy;
  readonly key: string;
  readonly windowMs: number;
  /** The time when the window of `current` began. */
  startedAt: number;
  current: number;
  /** Hits of the previous window. */
  previous: number;
}

/** A charge that was sent. It keeps its id, so that the shared store counts it once, however often it is sent. */
export interface SentCharge {
  readonly id: string;
  readonly policy: Policy;
  readonly key: string;
  readonly windowMs: number;
  /** Negative where the shared store has counted too much. */
  readonly cost: number;
  /** How long ago the window of these hits began, in milliseconds. */
  readonly ageMs: number;
}

interface Unconfirmed {
  readonly charge: SentCharge;
  readonly sentAt: number;
}

/** Hits of further keys are counted in this process only. */
const MAX_PENDING = 10_000;
/** How long the shared store keeps the id of a counted charge. */
export const CHARGE_ID_TTL_MS = 60_000;

/** The hits that this process counted while the shared store did not answer, and that are not written back yet. */
export class PendingCharges {
  private readonly charges = new Map<string, PendingCharge>();
  private readonly unconfirmed = new Map<string, Unconfirmed>();

  constructor(private readonly now: () => number) {}

  get size(): number {
    return this.charges.size + this.unconfirmed.size;
  }

  /** @param cost negative for hits that were refunded, or that the shared store has counted after all */
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

  /** Deletes the charge of a key that an administrator unblocked. */
  delete(policy: Policy, key: string): void {
    this.charges.delete(nameOf(policy, key));
  }

  /** Returns up to `count` charges to send, unconfirmed ones first. Each is kept until it is confirmed or expires. */
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

/** Moves the charge to the current window, like `CounterTable.take()`. */
function moveTo(charge: PendingCharge, now: number): void {
  const { windowMs, policy } = charge;
  const elapsed = now - charge.startedAt;
  if (elapsed < windowMs) return;
  const isNextWindow = !policy.isFixed && elapsed < 2 * windowMs;
  charge.previous = isNextWindow ? charge.current : 0;
  charge.startedAt = isNextWindow ? charge.startedAt + windowMs : now;
  charge.current = 0;
}

/** Hits of the previous window have the weight of this moment. Returns undefined if there is nothing to send. */
function sentCharge(charge: PendingCharge, now: number): SentCharge | undefined {
  moveTo(charge, now);
  const { policy, key, windowMs, startedAt, current, previous } = charge;
  const ageMs = now - startedAt;
  const cost = current + Math.ceil((previous * (windowMs - ageMs)) / windowMs);
  return cost === 0 ? undefined : { id: randomUUID(), policy, key, windowMs, cost, ageMs };
}
