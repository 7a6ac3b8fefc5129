import type { IncomingHttpHeaders } from 'node:http';

const DEFAULT_PORTS: Record<string, string> = { 'http:': '80', 'https:': '443' };

/**
 * Returns why a request counts as a cross-site request, or undefined. The rules are those of Nest's
 * `enableCsrfProtection()` and Go's `http.CrossOriginProtection`: `Sec-Fetch-Site` decides if it is present, otherwise
 * `Origin` is compared with `Host`. A client that sends neither is not a browser, or an old one. The CSRF token protects
 * old browsers.
 */
export function findCrossSiteReason(
  headers: IncomingHttpHeaders,
  trustedOrigins: ReadonlySet<string>,
): string | undefined {
  const site = joinValues(headers['sec-fetch-site']);
  const { origin } = headers;
  if (site === 'same-origin' || site === 'none') return undefined;
  if (!site && !origin) return undefined;
  if (origin !== undefined && trustedOrigins.has(origin)) return undefined;
  if (site) return `Sec-Fetch-Site is ${site}`;
  return origin !== undefined && isSameHost(origin, headers.host) ? undefined : 'Origin is not the host';
}

function isSameHost(origin: string, host: string | undefined): boolean {
  if (host === undefined || !URL.canParse(origin)) return false;
  const url = new URL(origin);
  const authority = host.toLowerCase();
  return (
    url.host !== '' && [url.host, `${url.hostname}:${url.port || DEFAULT_PORTS[url.protocol]}`].includes(authority)
  );
}

/** The joined values of a repeated header never equal an allowed value. */
function joinValues(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}
