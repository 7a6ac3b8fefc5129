/**
 * Returns the path of a request target without the query. Paths are written to logs and problem documents, and a query
 * may hold tokens. The scheme and host of an absolute target (RFC 9112, section 3.2.2) are removed.
 */
export function requestPath(target: string): string {
  const queryStart = target.indexOf('?');
  const path = queryStart === -1 ? target : target.slice(0, queryStart);
  return path.startsWith('/') ? path : path.replace(/^[a-z][a-z\d+.-]*:\/\/[^/]*/i, '') || '/';
}
