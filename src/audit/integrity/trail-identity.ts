import type { DigestStore } from './digest.store.js';

/**
 * Knows which trail this is from outside of the database: by configuration, and by what the digest store was given to.
 * A person who can write to the database can rename the trail there. That must not lead the verifier to another place.
 */
export class TrailIdentity {
  constructor(
    private readonly configured: string | undefined,
    private readonly store: DigestStore | undefined,
  ) {}

  /** What contradicts the id that the database gives; undefined where nothing does. */
  async faultOf(log: string | undefined): Promise<string | undefined> {
    if (log === undefined) return 'audit_log does not hold exactly one id';
    if (this.configured !== undefined && this.configured !== log) {
      return `the database calls its trail ${log}, and AUDIT_LOG_ID says ${this.configured}`;
    }
    const pinned = await this.store?.pinned();
    if (pinned !== undefined && pinned !== log) {
      return `the database calls its trail ${log}, and the digest store belongs to ${pinned}`;
    }
    const others = ((await this.store?.logs()) ?? []).filter((one) => one !== log);
    if (others.length === 0) return undefined;
    return `the digest store holds digests of another trail than ${log}: ${others.join(', ')}`;
  }
}
