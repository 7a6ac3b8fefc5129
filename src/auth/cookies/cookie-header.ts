/**
 * Value of a cookie in a `Cookie` header (RFC 6265, section 5.4), as it was sent; undefined where it is missing. A cookie
 * that comes twice is ambiguous, and taken for none. Only spaces and tabs are trimmed, as browsers do: to them
 * `\u00a0__Host-x` is another cookie than `__Host-x`, with none of its guarantees.
 */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  if (header === undefined || !header.includes(name)) return undefined;
  const values = header
    .split(';')
    .map((pair) => pair.replace(/^[ \t]+/, ''))
    .filter((pair) => pair.startsWith(name) && /^[ \t]*=/.test(pair.slice(name.length)))
    .map((pair) => trimmed(pair.slice(pair.indexOf('=') + 1)));
  return values.length === 1 ? values[0] : undefined;
}

/** The text from its first sign that is no space to its last; linear, as the client chooses how many spaces there are. */
function trimmed(text: string): string {
  return /[^ \t](?:.*[^ \t])?/s.exec(text)?.[0] ?? '';
}
