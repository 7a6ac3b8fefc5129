import helmet, { type HelmetOptions } from 'helmet';

type Header = readonly [name: string, value: string];

/** What an API that serves no pages allows a browser: nothing. */
const API_POLICY: HelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      'default-src': ["'none'"],
      'frame-ancestors': ["'none'"],
      'base-uri': ["'none'"],
      'form-action': ["'none'"],
    },
  },
  frameguard: { action: 'deny' },
  crossOriginResourcePolicy: { policy: 'same-origin' },
  referrerPolicy: { policy: 'no-referrer' },
  strictTransportSecurity: { maxAge: 63_072_000, includeSubDomains: true },
};

/** What Swagger UI needs on its own page: its files from here, and the styles it writes into the page. */
export const DOCS_PAGE_POLICY: HelmetOptions = {
  ...API_POLICY,
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      'default-src': ["'none'"],
      'script-src': ["'self'"],
      'style-src': ["'self'", "'unsafe-inline'"],
      'img-src': ["'self'", 'data:'],
      'connect-src': ["'self'"],
      'frame-ancestors': ["'none'"],
      'base-uri': ["'none'"],
      'form-action': ["'none'"],
    },
  },
};

/**
 * The response headers of helmet, worked out once. helmet makes the same dozen of values anew for every response; they
 * do not depend on the request, so they are caught here and set as they are.
 *
 * @publicApi
 */
export function responseHeaders(options: HelmetOptions = API_POLICY): Header[] {
  const headers = new Map<string, string>();
  const response = {
    setHeader: (name: string, value: string) => headers.set(name, value),
    removeHeader: (name: string) => headers.delete(name),
  };
  helmet(options)({} as never, response as never, () => undefined);
  return [...headers];
}
