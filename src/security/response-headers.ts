import helmet, { type HelmetOptions } from 'helmet';

/** @publicApi */
export type Header = readonly [name: string, value: string];

const HSTS = 'Strict-Transport-Security';

/** Two years. The preload lists of browsers require at least one year (https://hstspreload.org). */
const HSTS_MAX_AGE_SECONDS = 63_072_000;

/** Options for an API that serves no pages: the browser may load and embed nothing. */
export const DEFAULT_HELMET_OPTIONS: HelmetOptions = {
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
  crossOriginOpenerPolicy: { policy: 'same-origin' },
  crossOriginResourcePolicy: { policy: 'same-origin' },
  referrerPolicy: { policy: 'no-referrer' },
  strictTransportSecurity: { maxAge: HSTS_MAX_AGE_SECONDS, includeSubDomains: true },
};

/** Browser features (https://www.w3.org/TR/permissions-policy/) that neither the API nor its pages use. */
const DISABLED_FEATURES = [
  'accelerometer',
  'autoplay',
  'camera',
  'display-capture',
  'encrypted-media',
  'fullscreen',
  'geolocation',
  'gyroscope',
  'magnetometer',
  'microphone',
  'midi',
  'payment',
  'picture-in-picture',
  'publickey-credentials-get',
  'screen-wake-lock',
  'usb',
  'xr-spatial-tracking',
];

/** A request of either adapter. `protocol` uses X-Forwarded-Proto only from trusted proxies. */
interface RequestWithProtocol {
  readonly protocol?: string;
}

/**
 * The security headers of every response. They are computed once; helmet would compute the same values for each response.
 * Only HSTS depends on the request: it must not be sent over plain HTTP (RFC 6797, section 7.2).
 *
 * @publicApi
 */
export class ResponseHeaders {
  private readonly httpHeaders: readonly Header[];
  private readonly httpsHeaders: readonly Header[];

  constructor(options: HelmetOptions = DEFAULT_HELMET_OPTIONS, { preload = false }: { preload?: boolean } = {}) {
    const permissions = DISABLED_FEATURES.map((feature) => `${feature}=()`).join(', ');
    const all: Header[] = [...collectHelmetHeaders(options), ['Permissions-Policy', permissions]];
    this.httpHeaders = all.filter(([name]) => name !== HSTS);
    this.httpsHeaders = all.map(([name, value]) => [name, name === HSTS && preload ? `${value}; preload` : value]);
  }

  getHeaders(request: object): readonly Header[] {
    return (request as RequestWithProtocol).protocol === 'https' ? this.httpsHeaders : this.httpHeaders;
  }
}

/** Runs helmet with a fake response that collects the headers. */
function collectHelmetHeaders(options: HelmetOptions): Header[] {
  const headers = new Map<string, string>();
  const response = {
    setHeader: (name: string, value: string) => headers.set(name, value),
    removeHeader: (name: string) => headers.delete(name),
  };
  helmet(options)({} as never, response as never, () => undefined);
  return [...headers];
}
