/**
 * The token of an `Authorization` header (RFC 6750, section 2.1); undefined for another scheme, or for none. What
 * follows the scheme is taken as it is, so that something that is no token is called malformed, not missing.
 */
export function bearerToken(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  if (authorization.startsWith('Bearer ')) return authorization.slice(7).trimStart() || undefined;
  // The scheme is case-insensitive (RFC 9110, section 11.1); hardly anybody makes use of that.
  return /^bearer +(\S.*)$/i.exec(authorization)?.[1];
}
