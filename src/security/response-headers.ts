import helmet, { type HelmetOptions } from 'helmet';

export type Header = readonly [name: string, value: string];

const HSTS = 'Strict-Transport-Security';

/** Two years; the lists of browsers ask for one (https://hstspreload.org). */
const HSTS_SECONDS = 63_072_000;

/** What an API that serves no pages allows a browser: nothing. */
export const API_POLICY: HelmetOptions = {
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
  strictTransportSecurity: { maxAge: HSTS_SECONDS, includeSubDomains: true },
};

/** Features of a browser (https://www.w3.org/TR/permissions-policy/) that neither the API nor its pages use. */
const FEATURES = [
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

/** A request as both adapters show it: `protocol` heeds X-Forwarded-Proto of trusted proxies only. */
interface SchemedRequest {
  readonly protocol?: string;
}

/**
 * The security headers of every response, worked out once: helmet makes the same dozen of values anew for each. HSTS is
 * the one that depends on the request; over plain HTTP it must not be sent (RFC 6797, section 7.2).
 *
 * @publicApi
 */
export class ResponseHeaders {
  private readonly plain: readonly Header[];
  private readonly secure: readonly Header[];

  constructor(options: HelmetOptions = API_POLICY, { preload = false }: { preload?: boolean } = {}) {
    const permissions = FEATURES.map((feature) => `${feature}=()`).join(', ');
    const all: Header[] = [...helmetHeaders(options), ['Permissions-Policy', permissions]];
    this.plain = all.filter(([name]) => name !== HSTS);
    this.secure = all.map(([name, value]) => [name, name === HSTS && preload ? `${value}; preload` : value]);
  }

  of(request: object): readonly Header[] {
    return (request as SchemedRequest).protocol === 'https' ? this.secure : this.plain;
  }
}

/** helmet's own words, caught on a response that only collects them. */
function helmetHeaders(options: HelmetOptions): Header[] {
  const headers = new Map<string, string>();
  const response = {
    setHeader: (name: string, value: string) => headers.set(name, value),
    removeHeader: (name: string) => headers.delete(name),
  };
  helmet(options)({} as never, response as never, () => undefined);
  return [...headers];
}
