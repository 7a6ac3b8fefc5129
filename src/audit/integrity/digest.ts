import { hash } from 'node:crypto';
import type { AuditSigner } from './audit.signer.js';
import type { ChainHead } from './verification.js';

/**
 * What the trail was at a moment: the heads of the chains that moved since the digest before, which it names by its
 * hash. As with CloudTrail's digest files, a digest comes in each period even if nothing happened, so that it also
 * proves absence.
 */
export interface Digest {
  readonly version: 1;
  /** The trail it belongs to. */
  readonly log: string;
  readonly seq: number;
  /** SHA-256 of the line before, in hexadecimal; empty for the first. */
  readonly previous: string;
  readonly madeAt: string;
  readonly heads: readonly ChainHead[];
  readonly keyId: string;
}

const SIGNATURE = ',"signature":"';

/** A digest as a line of JSON, signed over all that stands before the signature. */
export function digestLine(digest: Omit<Digest, 'keyId'>, signer: AuditSigner): string {
  const textFor = (keyId: string) => JSON.stringify({ ...digest, keyId });
  const { keyId } = signer.sign('');
  const text = textFor(keyId);
  return `${text.slice(0, -1)}${SIGNATURE}${signer.sign(text).signature}"}`;
}

/** Undefined where the line is no digest, or its signature is not that of a known key. */
export function parsedDigest(line: string, signer: AuditSigner): Digest | undefined {
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

/** Where a sequence of digests stands. */
export interface DigestLink {
  readonly seq: number;
  /** Hash of the last line; empty before the first. */
  readonly hash: string;
}

/** The place after a line; undefined where the line is not the next digest of the trail. */
export function linkAfter(
  { seq, hash: previous }: DigestLink,
  log: string,
  line: string,
  digest: Digest | undefined,
): DigestLink | undefined {
  const isNext = digest?.log === log && digest.seq === seq + 1 && digest.previous === previous;
  return isNext ? { seq: seq + 1, hash: digestHash(line) } : undefined;
}
