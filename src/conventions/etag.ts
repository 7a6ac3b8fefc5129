import { createHash } from 'node:crypto';
import { ProblemException } from '../problem/index.js';
import type { AdapterRequest } from '../context/index.js';

/** A strong tag or, after `W/`, a weak one (RFC 9110, section 8.8.3). */
const TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g;
const TAG_TEXT = /^[\x21\x23-\x7e]*$/;

/** Weak tag of a value. Two values with the same JSON have the same tag. @publicApi */
export function weakEtag(value: unknown): string {
  return `W/"${createHash('sha1').update(JSON.stringify(value)).digest('base64url')}"`;
}

/**
 * Strong tag of a version, such as a counter or a time that changes with each write.
 *
 * @throws TypeError if the version contains a character that is not allowed in a tag
 * @publicApi
 */
export function strongEtag(version: string | number): string {
  if (!TAG_TEXT.test(String(version)))
    throw new TypeError(`"${version}" cannot be an entity tag. Use ASCII text without spaces and quotes.`);
  return `"${version}"`;
}

/** Whether `If-None-Match` does not contain the current tag, by weak comparison (section 13.1.2). @publicApi */
export function isNoneMatch(header: string | undefined, etag: string): boolean {
  if (header === undefined) return true;
  if (header.trim() === '*') return false;
  const removeWeakPrefix = (tag: string) => tag.replace(/^W\//, '');
  return !(header.match(TAG) ?? []).some((tag) => removeWeakPrefix(tag) === removeWeakPrefix(etag));
}

/**
 * Checks that the client knows the current state: `If-Match`, by strong comparison (section 13.1.1). Call it before a
 * write with the tag of the current row, in the same transaction.
 *
 * @param etag strong tag of the current state
 * @throws ProblemException `PRECONDITION_FAILED`, or `PRECONDITION_REQUIRED` if a required `If-Match` is missing
 * @publicApi
 */
export function requireMatch(request: AdapterRequest, etag: string, { required = true } = {}): void {
  const header = request.headers['if-match'];
  if (header === undefined) {
    if (!required) return;
    throw new ProblemException('PRECONDITION_REQUIRED', 'Send If-Match with the ETag of the last response.');
  }
  if (header.trim() === '*') return;
  const tags: readonly string[] = header.match(TAG) ?? [];
  if (!etag.startsWith('W/') && tags.includes(etag)) return;
  throw new ProblemException('PRECONDITION_FAILED', 'The resource has changed since you read it. Read it again.', {
    headers: { ETag: etag },
  });
}
