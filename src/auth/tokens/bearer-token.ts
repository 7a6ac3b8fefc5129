/**
 * Returns the token of an `Authorization` header (RFC 6750, section 2.1), or undefined for another scheme. The text after
 * the scheme is not validated, so an invalid token is reported as malformed and not as missing.
 */
export function readBearerToken(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  if (authorization.startsWith('Bearer ')) return authorization.slice(7).trimStart() || undefined;
  // The scheme is case-insensitive (RFC 9110, section 11.1), but clients rarely use another spelling.
  return /^bearer +(\S.*)$/i.exec(authorization)?.[1];
}
