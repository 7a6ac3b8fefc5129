import type { IncomingHttpHeaders } from 'node:http';

const DEFAULT_PORTS: Record<string, string> = { 'http:': '80', 'https:': '443' };

/**
 * Why a request is taken for one that another site made the browser send; undefined where nothing says so. Decides as
 * Nest's `enableCsrfProtection()` and Go's `http.CrossOriginProtection` do: by Fetch-Metadata where the browser sends
 * it, else by comparing `Origin` with `Host`. What sends neither is no browser, or an old one; that is for the second
 * line of defence, the token.
 */
export function crossSiteReason(headers: IncomingHttpHeaders, trustedOrigins: ReadonlySet<string>): string | undefined {
  const site = joined(headers['sec-fetch-site']);
  const { origin } = headers;
  if (site === 'same-origin' || site === 'none') return undefined;
  if (!site && !origin) return undefined;
  if (origin !== undefined && trustedOrigins.has(origin)) return undefined;
  if (site) return `Sec-Fetch-Site is ${site}`;
  return origin !== undefined && isOwn(origin, headers.host) ? undefined : 'Origin is not the host';
}

function isOwn(origin: string, host: string | undefined): boolean {
  if (host === undefined || !URL.canParse(origin)) return false;
  const url = new URL(origin);
  const authority = host.toLowerCase();
  return (
    url.host !== '' && [url.host, `${url.hostname}:${url.port || DEFAULT_PORTS[url.protocol]}`].includes(authority)
  );
}

/** A repeated header never equals a value that is let through. */
function joined(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}
