import { hash } from 'node:crypto';
import type { AuditSigner } from './audit.signer.js';
import type { ChainHead } from './verification.js';

/**
 * The state of the trail at one moment: the heads of the chains that have grown since the previous digest, and the hash
 * of that digest. As with the digest files of CloudTrail, each period has a digest, even if nothing happened. So a
 * digest also proves that there were no events.
 */
export interface Digest {
  readonly version: 1;
  /** Trail id. */
  readonly log: string;
  readonly seq: number;
  /** SHA-256 of the previous line, in hexadecimal; empty for the first digest. */
  readonly previous: string;
  readonly madeAt: string;
  readonly heads: readonly ChainHead[];
  readonly keyId: string;
}

const SIGNATURE = ',"signature":"';

/** Returns a digest as a line of JSON. The signature covers all other fields. */
export function formatDigest(digest: Omit<Digest, 'keyId'>, signer: AuditSigner): string {
  const textFor = (keyId: string) => JSON.stringify({ ...digest, keyId });
  const { keyId } = signer.sign('');
  const text = textFor(keyId);
  return `${text.slice(0, -1)}${SIGNATURE}${signer.sign(text).signature}"}`;
}

/** Returns undefined if the line is not a digest, or its signature is not valid for a known key. */
export function parseDigest(line: string, signer: AuditSigner): Digest | undefined {
  const end = line.lastIndexOf(SIGNATURE);
  if (end < 0 || !line.endsWith('"}')) return undefined;
  const text = `${line.slice(0, end)}}`;
  try {
    const digest = JSON.parse(text) as Digest;
    const signature = line.slice(end + SIGNATURE.length, -2);
    return signer.verify(text, { keyId: digest.keyId, signature }) ? digest : undefined;
  } catch {
    return undefined;
  }
}

export const digestHash = (line: string) => hash('sha256', line, 'hex');

/** The end of a sequence of digests. */
export interface DigestLink {
  readonly seq: number;
  /** Hash of the last line; empty before the first. */
  readonly hash: string;
}

/** The end of the sequence after a line; undefined if the line is not the next digest of the trail. */
export function linkAfter(
  { seq, hash: previous }: DigestLink,
  log: string,
  line: string,
  digest: Digest | undefined,
): DigestLink | undefined {
  const isNext = digest?.log === log && digest.seq === seq + 1 && digest.previous === previous;
  return isNext ? { seq: seq + 1, hash: digestHash(line) } : undefined;
}
