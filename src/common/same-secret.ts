import { createHash, timingSafeEqual } from 'node:crypto';

/** Whether two secrets are equal. Both are hashed first, so that the comparison time reveals neither content nor length. */
export function isSameSecret(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
