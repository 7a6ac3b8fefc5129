import { ProblemException } from '../problem/index.js';

/** In characters. */
export const MAX_PATH_LENGTH = 4096;

/** Rejects paths that are too long or wrongly encoded. The routers of the adapters would treat them differently. */
export function getPathRefusal(path: string): ProblemException | undefined {
  if (path.length > MAX_PATH_LENGTH) {
    return new ProblemException('URI_TOO_LONG', `The path is longer than ${MAX_PATH_LENGTH} characters.`);
  }
  if (!path.includes('%')) return undefined;
  try {
    decodeURIComponent(path);
    return undefined;
  } catch {
    return new ProblemException('MALFORMED_URL', 'The path contains a percent-encoding that is not UTF-8.');
  }
}
