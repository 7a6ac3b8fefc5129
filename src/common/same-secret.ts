import { createHash, timingSafeEqual } from 'node:crypto';

/** Whether two secrets are equal. Hashed first, so that lengths are equal and the time taken tells nothing of either. */
export function isSameSecret(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
