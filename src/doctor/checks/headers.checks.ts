import { checkExpectations, pass, skip, warn, type CheckOutcome } from '../../reports/index.js';
import type { DoctorCheck, CheckContext } from '../doctor.check.js';
import type { ResponseData } from '../exchange.js';

/** Returns a normal response and an error response. Frameworks often omit the headers on errors. */
async function getSamples({ api }: CheckContext): Promise<[name: string, answer: ResponseData][]> {
  return [
    ['the root', await api.getRoot()],
    ['an unknown path', await api.getUnknownPath()],
  ];
}

async function checkAllSamples(
  context: CheckContext,
  what: string,
  met: (answer: ResponseData) => boolean,
  seen: (answer: ResponseData) => unknown,
  remedy: string,
  otherwise: 'fail' | 'warn' = 'fail',
): Promise<CheckOutcome> {
  const answers = await getSamples(context);
  const expectations = answers.map(([name, answer]) => ({
    what: `${what} on ${name}`,
    met: met(answer),
    seen: seen(answer) ?? 'absent',
  }));
  return checkExpectations(expectations, remedy, otherwise);
}

const readHeader = (name: string) => (answer: ResponseData) => answer.headers[name];
const getPolicy = (answer: ResponseData) => String(answer.headers['content-security-policy'] ?? '');
const isPage = (answer: ResponseData) => String(answer.headers['content-type']).startsWith('text/html');
const BANNERS = ['x-powered-by', 'x-aspnet-version', 'x-generator', 'x-runtime', 'x-framework'];

export const headerChecks: DoctorCheck[] = [
  {
    name: 'headers.nosniff',
    title: 'Browsers must not guess media types',
    reference: 'OWASP ASVS 5.0 V3.4.4',
    requests: 2,
    run: (context) =>
      checkAllSamples(
        context,
        'X-Content-Type-Options: nosniff',
        (answer) => answer.headers['x-content-type-options'] === 'nosniff',
        readHeader('x-content-type-options'),
        'Send "X-Content-Type-Options: nosniff" with every response, including errors (helmet does this).',
      ),
  },
  {
    name: 'headers.framing',
    title: 'Pages of other sites cannot embed this page in a frame',
    reference: 'OWASP ASVS 5.0 V3.4.6',
    requests: 2,
    run: (context) =>
      checkAllSamples(
        context,
        'frame-ancestors or X-Frame-Options',
        (answer) =>
          /frame-ancestors\s+'(?:none|self)'/.test(getPolicy(answer)) ||
          /^(?:deny|sameorigin)$/i.test(String(answer.headers['x-frame-options'])),
        (answer) => answer.headers['x-frame-options'] ?? answer.headers['content-security-policy'],
        `Send "Content-Security-Policy: frame-ancestors 'none'", and "X-Frame-Options: DENY" for old browsers.`,
      ),
  },
  {
    name: 'headers.csp',
    title: 'A content security policy limits what pages may load and run',
    reference: 'OWASP ASVS 5.0 V3.4.3',
    requests: 2,
    run: (context) =>
      checkAllSamples(
        context,
        'a policy',
        (answer) => getPolicy(answer) !== '',
        readHeader('content-security-policy'),
        `Send a Content-Security-Policy. For an API, "default-src 'none'; frame-ancestors 'none'" is enough.`,
      ),
  },
  {
    name: 'headers.csp-scripts',
    title: 'The policy of pages does not allow inline scripts or eval',
    reference: 'OWASP ASVS 5.0 V3.4.3',
    requests: 4,
    run: async ({ target, api }) => {
      const pages = await Promise.all(['/', '/docs', '/api'].map((path) => target.get(path)));
      const found = [...pages, await api.getUnknownPath()].filter(isPage).filter((page) => getPolicy(page) !== '');
      if (found.length === 0) return skip('no page with a policy was found');
      return checkExpectations(
        found.map((page) => ({
          what: 'scripts without unsafe-inline (unless a nonce overrides it), unsafe-eval and *',
          met: !allowsInjectedScripts(getPolicy(page)),
          seen: getPolicy(page),
        })),
        'Set a separate policy for each page, with a nonce for each response.',
      );
    },
  },
  {
    name: 'headers.referrer-policy',
    title: 'URLs are not sent to other sites in the Referer header',
    reference: 'OWASP ASVS 5.0 V3.4.5',
    requests: 2,
    run: (context) =>
      checkAllSamples(
        context,
        'Referrer-Policy',
        (answer) => /no-referrer|same-origin|strict-origin/.test(String(answer.headers['referrer-policy'])),
        readHeader('referrer-policy'),
        'Send "Referrer-Policy: no-referrer".',
        'warn',
      ),
  },
  {
    name: 'headers.hsts',
    title: 'Browsers must use https (HSTS)',
    reference: 'OWASP ASVS 5.0 V3.4.1; RFC 6797',
    requests: 2,
    run: (context) => {
      if (!context.target.isTls) return Promise.resolve(skip('browsers ignore the header on plain http'));
      return checkAllSamples(
        context,
        'Strict-Transport-Security for a year, with subdomains',
        (answer) => {
          const value = String(answer.headers['strict-transport-security'] ?? '');
          return Number(/max-age="?(\d+)/i.exec(value)?.[1] ?? 0) >= 31_536_000 && /includeSubDomains/i.test(value);
        },
        readHeader('strict-transport-security'),
        'Send "Strict-Transport-Security: max-age=31536000; includeSubDomains".',
      );
    },
  },
  {
    name: 'headers.banner',
    title: 'No header reveals the framework or its version',
    reference: 'OWASP ASVS 5.0 V13.4.6',
    requests: 2,
    run: (context) =>
      checkAllSamples(
        context,
        'no banner',
        ({ headers }) =>
          BANNERS.every((name) => headers[name] === undefined) && !/\/\d/.test(String(headers.server ?? '')),
        ({ headers }) => BANNERS.map((name) => headers[name]).find(Boolean) ?? headers.server ?? 'none',
        'Remove X-Powered-By (Express: app.disable("x-powered-by")) and the version in Server.',
        'warn',
      ),
  },
  {
    name: 'headers.request-id',
    title: 'A request id from the client is returned only if it is safe',
    reference: 'OWASP ASVS 5.0 V16.4.1',
    requests: 2,
    run: async ({ target }) => {
      const hostile = '<script>alert(1)</script>${jndi:ldap://x}';
      const answers = await Promise.all(
        ['X-Request-Id', 'X-Correlation-Id'].map((name) => target.send('/', { headers: { [name]: hostile } })),
      );
      const echoes = answers.flatMap(({ headers }) =>
        Object.entries(headers).filter(([, value]) => String(value).includes(hostile)),
      );
      if (echoes.length === 0) return pass();
      return warn(
        { echoedIn: echoes.map(([name]) => name) },
        'Accept a request id only if it is short and contains only letters, digits, ".", "_" and "-". Otherwise create one.',
      );
    },
  },
  {
    name: 'headers.host',
    title: 'The Host header is not reflected in responses',
    reference: 'OWASP ASVS 5.0 V4.1.3',
    requests: 2,
    run: async ({ target }) => {
      const marker = 'doctor-host.invalid';
      const answers = await Promise.all([
        target.send('/', { headers: { Host: marker } }),
        target.send('/', { headers: { 'X-Forwarded-Host': marker } }),
      ]);
      return checkExpectations(
        answers.map(({ headers, text }, i) => ({
          what: `${i === 0 ? 'Host' : 'X-Forwarded-Host'} is not reflected`,
          met: !`${headers.location ?? ''}${text}`.includes(marker),
        })),
        'Create links from a configured public URL, and trust X-Forwarded-Host only from known proxies.',
      );
    },
  },
];

/** Whether a policy allows injected scripts. A nonce or hash makes browsers ignore unsafe-inline (CSP level 3, section 6.7.3.2). */
function allowsInjectedScripts(policy: string): boolean {
  const directive = /script-src(?:-elem)?\s([^;]*)/.exec(policy)?.[1] ?? /default-src\s([^;]*)/.exec(policy)?.[1];
  if (directive === undefined) return true;
  const sources = directive.split(/\s+/);
  const isNonced = sources.some((source) => /^'(?:nonce|sha\d{3})-/.test(source));
  return (
    sources.includes("'unsafe-eval'") ||
    sources.includes('*') ||
    sources.includes('data:') ||
    (sources.includes("'unsafe-inline'") && !isNonced)
  );
}
