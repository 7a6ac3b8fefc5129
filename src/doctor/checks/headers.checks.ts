import { judge, pass, skip, warn, type CheckFinding } from '../../reports/index.js';
import type { DoctorCheck, Visit } from '../doctor.check.js';
import type { Answer } from '../exchange.js';

/** Headers must also stand on errors, which is where stock frameworks forget them. */
async function samples({ around }: Visit): Promise<[name: string, answer: Answer][]> {
  return [
    ['the root', await around.root()],
    ['an unknown path', await around.missing()],
  ];
}

async function onAll(
  visit: Visit,
  what: string,
  met: (answer: Answer) => boolean,
  seen: (answer: Answer) => unknown,
  remedy: string,
  otherwise: 'fail' | 'warn' = 'fail',
): Promise<CheckFinding> {
  const answers = await samples(visit);
  const expectations = answers.map(([name, answer]) => ({
    what: `${what} on ${name}`,
    met: met(answer),
    seen: seen(answer) ?? 'absent',
  }));
  return judge(expectations, remedy, otherwise);
}

const header = (name: string) => (answer: Answer) => answer.headers[name];
const policyOf = (answer: Answer) => String(answer.headers['content-security-policy'] ?? '');
const isPage = (answer: Answer) => String(answer.headers['content-type']).startsWith('text/html');
const BANNERS = ['x-powered-by', 'x-aspnet-version', 'x-generator', 'x-runtime', 'x-framework'];

export const headerChecks: DoctorCheck[] = [
  {
    name: 'headers.nosniff',
    title: 'Browsers are told not to guess media types',
    reference: 'OWASP ASVS 5.0 V3.4.4',
    requests: 2,
    run: (visit) =>
      onAll(
        visit,
        'X-Content-Type-Options: nosniff',
        (answer) => answer.headers['x-content-type-options'] === 'nosniff',
        header('x-content-type-options'),
        'Send "X-Content-Type-Options: nosniff" with every response, errors among them (helmet does).',
      ),
  },
  {
    name: 'headers.framing',
    title: 'No foreign page can frame this one',
    reference: 'OWASP ASVS 5.0 V3.4.6',
    requests: 2,
    run: (visit) =>
      onAll(
        visit,
        'frame-ancestors or X-Frame-Options',
        (answer) =>
          /frame-ancestors\s+'(?:none|self)'/.test(policyOf(answer)) ||
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
    run: (visit) =>
      onAll(
        visit,
        'a policy',
        (answer) => policyOf(answer) !== '',
        header('content-security-policy'),
        `Send a Content-Security-Policy; for an API "default-src 'none'; frame-ancestors 'none'" is enough.`,
      ),
  },
  {
    name: 'headers.csp-scripts',
    title: 'The policy of pages does not let in inline scripts or eval',
    reference: 'OWASP ASVS 5.0 V3.4.3',
    requests: 4,
    run: async ({ target, around }) => {
      const pages = await Promise.all(['/', '/docs', '/api'].map((path) => target.get(path)));
      const found = [...pages, await around.missing()].filter(isPage).filter((page) => policyOf(page) !== '');
      if (found.length === 0) return skip('no page with a policy was found');
      return judge(
        found.map((page) => ({
          what: 'scripts without unsafe-inline (unless a nonce overrides it), unsafe-eval and *',
          met: !letsScriptsIn(policyOf(page)),
          seen: policyOf(page),
        })),
        'Give each page a policy of its own with a nonce per response, instead of a loose one for all.',
      );
    },
  },
  {
    name: 'headers.referrer-policy',
    title: 'URLs do not leak to other sites by Referer',
    reference: 'OWASP ASVS 5.0 V3.4.5',
    requests: 2,
    run: (visit) =>
      onAll(
        visit,
        'Referrer-Policy',
        (answer) => /no-referrer|same-origin|strict-origin/.test(String(answer.headers['referrer-policy'])),
        header('referrer-policy'),
        'Send "Referrer-Policy: no-referrer".',
        'warn',
      ),
  },
  {
    name: 'headers.hsts',
    title: 'Browsers are told to come by https only',
    reference: 'OWASP ASVS 5.0 V3.4.1; RFC 6797',
    requests: 2,
    run: (visit) => {
      if (!visit.target.isTls) return Promise.resolve(skip('browsers ignore the header on plain http'));
      return onAll(
        visit,
        'Strict-Transport-Security for a year, with subdomains',
        (answer) => {
          const value = String(answer.headers['strict-transport-security'] ?? '');
          return Number(/max-age="?(\d+)/i.exec(value)?.[1] ?? 0) >= 31_536_000 && /includeSubDomains/i.test(value);
        },
        header('strict-transport-security'),
        'Send "Strict-Transport-Security: max-age=31536000; includeSubDomains".',
      );
    },
  },
  {
    name: 'headers.banner',
    title: 'No header names the framework or its version',
    reference: 'OWASP ASVS 5.0 V13.4.6',
    requests: 2,
    run: (visit) =>
      onAll(
        visit,
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
    title: 'A request id of the client is returned only in a safe form',
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
        'Accept a request id only if it is short and of letters, digits, ".", "_" and "-"; else make one.',
      );
    },
  },
  {
    name: 'headers.host',
    title: 'The Host header does not end up in responses',
    reference: 'OWASP ASVS 5.0 V4.1.3',
    requests: 2,
    run: async ({ target }) => {
      const marker = 'doctor-host.invalid';
      const answers = await Promise.all([
        target.send('/', { headers: { Host: marker } }),
        target.send('/', { headers: { 'X-Forwarded-Host': marker } }),
      ]);
      return judge(
        answers.map(({ headers, text }, i) => ({
          what: `${i === 0 ? 'Host' : 'X-Forwarded-Host'} is not reflected`,
          met: !`${headers.location ?? ''}${text}`.includes(marker),
        })),
        'Build links from a configured public URL, and believe X-Forwarded-Host only from a proxy that is trusted.',
      );
    },
  },
];

/** A nonce or hash makes browsers ignore unsafe-inline (CSP level 3, 6.7.3.2). */
function letsScriptsIn(policy: string): boolean {
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
