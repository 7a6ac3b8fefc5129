/** One label of a host name, for which `*` stands (RFC 1123, section 2.1). */
const LABEL = '[a-z\\d](?:[a-z\\d-]{0,61}[a-z\\d])?';
/** A pattern names at least a domain below what registries sell: `*.com` would be half the web. */
const LEAST_FIXED_LABELS = 2;
/** Registries that sell at the third label, and hosts where everybody has one. The list of all is publicsuffix.org's. */
const SHARED_SUFFIXES = new Set(
  (
    'co.uk org.uk com.au com.br co.jp co.nz co.za com.cn com.mx com.tr co.in co.kr github.io gitlab.io pages.dev ' +
    'workers.dev vercel.app netlify.app web.app fly.dev herokuapp.com azurewebsites.net cloudfront.net amazonaws.com ' +
    'onrender.com ngrok.io appspot.com'
  ).split(' '),
);

const PATTERN = /^(https?):\/\/\*\.([a-z\d.-]+)(:\d{1,5})?$/;

/**
 * Which origins may call. An entry is an origin as browsers write it, or a pattern whose first label is `*`:
 * `https://*.app.example.com` is each subdomain of one label, and not `app.example.com` itself.
 *
 * @publicApi
 */
export class CorsOrigins {
  /** Whether everybody may. */
  readonly isOpen: boolean;
  private readonly exact: ReadonlySet<string>;
  private readonly patterns: readonly RegExp[];

  /** @throws RangeError on an entry that is no origin, or a pattern that matches too much */
  constructor(entries: readonly string[]) {
    for (const entry of entries) checkCorsOrigin(entry);
    this.isOpen = entries.includes('*');
    this.exact = new Set(entries.filter((entry) => !entry.includes('*')));
    this.patterns = entries.filter((entry) => entry.includes('*.')).map(patternOf);
  }

  /** `null` is what a sandboxed frame or a local file says: nobody, and anybody. */
  allows(origin: string): boolean {
    if (origin === 'null') return false;
    return this.isOpen || this.exact.has(origin) || this.patterns.some((pattern) => pattern.test(origin));
  }
}

/** @throws RangeError that names the cause and an example */
export function checkCorsOrigin(entry: string): void {
  if (entry === '*') return;
  if (!entry.includes('*')) return checkExact(entry);
  const [, , domain = ''] = PATTERN.exec(entry) ?? [];
  if (domain === '') {
    throw new RangeError(`"${entry}" is no pattern that is taken; * stands for the first label: https://*.example.com`);
  }
  checkExact(entry.replace('*.', ''));
  if (domain.split('.').length < LEAST_FIXED_LABELS || SHARED_SUFFIXES.has(domain)) {
    throw new RangeError(`"${entry}" lets in strangers; everybody can have a name under ${domain}`);
  }
}

function checkExact(entry: string): void {
  const url = URL.canParse(entry) ? new URL(entry) : undefined;
  const isWeb = url?.protocol === 'https:' || url?.protocol === 'http:';
  if (!url || !isWeb) throw new RangeError(`"${entry}" is not an origin such as https://app.example.com`);
  if (url.origin !== entry)
    throw new RangeError(`"${entry}" is more than an origin, or spelt otherwise: ${url.origin}`);
}

function patternOf(entry: string): RegExp {
  const [, scheme = '', domain = '', port = ''] = PATTERN.exec(entry) ?? [];
  return new RegExp(`^${scheme}://${LABEL}\\.${domain.replaceAll('.', '\\.')}${port}$`);
}
