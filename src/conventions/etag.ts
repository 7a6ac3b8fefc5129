import { createHash } from 'node:crypto';
import { ProblemException } from '../problem/index.js';
import type { AdapterRequest } from '../context/index.js';

/** A strong tag or, after `W/`, a weak one (RFC 9110, section 8.8.3). */
const TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g;
const TAG_TEXT = /^[\x21\x23-\x7e]*$/;

/** Weak tag of a value: two values with the same JSON have the same. @publicApi */
export function weakEtag(value: unknown): string {
  return `W/"${createHash('sha1').update(JSON.stringify(value)).digest('base64url')}"`;
}

/**
 * Strong tag of a version, such as a counter or a time that changes with each write.
 *
 * @throws TypeError where the version holds what a tag must not
 * @publicApi
 */
export function strongEtag(version: string | number): string {
  if (!TAG_TEXT.test(String(version)))
    throw new TypeError(`"${version}" cannot be an entity tag; use a text without spaces.`);
  return `"${version}"`;
}

/** Whether the client has this one already: `If-None-Match`, by weak comparison (section 13.1.2). @publicApi */
export function isNoneMatch(header: string | undefined, etag: string): boolean {
  if (header === undefined) return true;
  if (header.trim() === '*') return false;
  const opaque = (tag: string) => tag.replace(/^W\//, '');
  return !(header.match(TAG) ?? []).some((tag) => opaque(tag) === opaque(etag));
}

/**
 * Lets a write through where the client knows the current state: `If-Match`, by strong comparison (section 13.1.1). Call
 * it with the tag of the row that is to be changed, in the same transaction.
 *
 * @param etag strong tag of the current state
 * @throws ProblemException `PRECONDITION_FAILED`; `PRECONDITION_REQUIRED` where there is no `If-Match` and it is required
 * @publicApi
 */
export function requireMatch(request: AdapterRequest, etag: string, { required = true } = {}): void {
  const header = request.headers['if-match'];
  if (header === undefined) {
    if (!required) return;
    throw new ProblemException('PRECONDITION_REQUIRED', 'Send If-Match with the ETag of what you have read.');
  }
  if (header.trim() === '*') return;
  const tags: readonly string[] = header.match(TAG) ?? [];
  if (!etag.startsWith('W/') && tags.includes(etag)) return;
  throw new ProblemException('PRECONDITION_FAILED', 'It has changed since you read it. Read it again.', {
    headers: { ETag: etag },
  });
}
