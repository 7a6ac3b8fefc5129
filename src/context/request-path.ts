/**
 * The path of a request target, without the query: that may hold tokens, and paths end up in logs and in problem
 * documents. A target in absolute form (RFC 9112, section 3.2.2) loses its scheme and host.
 */
export function requestPath(target: string): string {
  const query = target.indexOf('?');
  const path = query === -1 ? target : target.slice(0, query);
  return path.startsWith('/') ? path : path.replace(/^[a-z][a-z\d+.-]*:\/\/[^/]*/i, '') || '/';
}
