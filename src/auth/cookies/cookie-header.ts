/**
 * Returns the raw value of a cookie in a `Cookie` header (RFC 6265, section 5.4), or undefined if it is missing. A cookie
 * that occurs twice is ambiguous and treated as missing. Only spaces and tabs are trimmed, as in browsers. For a browser,
 * `\u00a0__Host-x` is another cookie than `__Host-x`, without the guarantees of the prefix.
 */
export function readCookie(header: string | undefined, name: string): string | undefined {
  if (header === undefined || !header.includes(name)) return undefined;
  const values = header
    .split(';')
    .map((pair) => pair.replace(/^[ \t]+/, ''))
    .filter((pair) => pair.startsWith(name) && /^[ \t]*=/.test(pair.slice(name.length)))
    .map((pair) => trimBlanks(pair.slice(pair.indexOf('=') + 1)));
  return values.length === 1 ? values[0] : undefined;
}

/** Takes linear time. This matters because a client can send any number of spaces. */
function trimBlanks(text: string): string {
  return /[^ \t](?:.*[^ \t])?/s.exec(text)?.[0] ?? '';
}
