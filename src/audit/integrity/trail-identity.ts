import type { DigestStore } from './digest.store.js';

/**
 * Checks the trail id of the database against the configuration and the digest store. A person who can write to the
 * database can change the id there. The verifier must not read the digests of another trail because of that.
 */
export class TrailIdentity {
  constructor(
    private readonly configured: string | undefined,
    private readonly store: DigestStore | undefined,
  ) {}

  /** Describes the contradiction to the id of the database; undefined if there is none. */
  async findFault(log: string | undefined): Promise<string | undefined> {
    if (log === undefined) return 'the table audit_log does not contain exactly one id';
    if (this.configured !== undefined && this.configured !== log) {
      return `the trail id in the database is ${log}, and AUDIT_LOG_ID is ${this.configured}`;
    }
    const pinned = await this.store?.pinned();
    if (pinned !== undefined && pinned !== log) {
      return `the trail id in the database is ${log}, and the digest store belongs to ${pinned}`;
    }
    const others = ((await this.store?.logs()) ?? []).filter((one) => one !== log);
    if (others.length === 0) return undefined;
    return `the digest store contains digests of other trails than ${log}: ${others.join(', ')}`;
  }
}
