import { checkExpectations, pass, skip, type CheckOutcome } from '../../reports/index.js';
import type { DoctorCheck } from '../doctor.check.js';
import type { ResponseData } from '../exchange.js';

function checkNoStore(what: string, { headers }: ResponseData): CheckOutcome {
  const seen = headers['cache-control'] ?? 'absent';
  return checkExpectations(
    [{ what: `${what} with Cache-Control: no-store`, met: seen.includes('no-store'), seen }],
    'Send "Cache-Control: no-store" with responses that contain personal data or a token.',
  );
}

export const privacyChecks: DoctorCheck[] = [
  {
    name: 'privacy.caching',
    title: 'Authenticated responses are not stored by caches',
    reference: 'OWASP ASVS 5.0 V14.3.2',
    requests: 3,
    run: async ({ api }) => {
      const { path, answer } = await api.getAuthenticatedRoute();
      return checkNoStore(path, answer);
    },
  },
  {
    name: 'privacy.token-caching',
    title: 'Responses with tokens are not stored by caches',
    reference: 'RFC 6749 section 5.1; OWASP ASVS 5.0 V14.3.2',
    requests: 2,
    run: async ({ api }) => {
      const answer = await api.getLoginResponse();
      if (answer.status >= 300) return skip(`the login returned the status ${answer.status}`);
      return checkNoStore('the login', answer);
    },
  },
  {
    name: 'privacy.cookies',
    title: 'Cookies are Secure, HttpOnly and SameSite',
    reference: 'OWASP ASVS 5.0 V3.3.1, V3.3.2, V3.3.4',
    requests: 2,
    run: async ({ api }) => {
      await Promise.all([api.getRoot(), api.getUnknownPath(), api.getLoginResponse().catch(() => undefined)]);
      if (api.cookies.length === 0) return skip('no cookie was set');
      const unique = new Map(api.cookies.map(({ path, header }) => [header.split('=', 1)[0] ?? '', { path, header }]));
      return checkExpectations(
        [...unique].flatMap(([name, { path, header }]) => cookieExpectations(name, path, header)),
        'Set these attributes on every cookie. Omit HttpOnly only if a script must read the cookie, such as a CSRF token.',
      );
    },
  },
  {
    name: 'privacy.body',
    title: 'A profile shows no password hash',
    reference: 'OWASP ASVS 5.0 V14.2.6',
    requests: 3,
    run: async ({ api }) => {
      const { path, answer } = await api.getAuthenticatedRoute();
      const login = await api.getLoginResponse().catch(() => undefined);
      const bodies = [answer.text, login?.text ?? ''];
      const sign = /\$(?:2[aby]|argon2(?:id|i|d)?|scrypt)\$|"(?:password|passwordHash|password_hash|hash|salt)"\s*:/;
      if (bodies.every((text) => !sign.test(text))) return pass({ path });
      return checkExpectations(
        bodies.map((text, i) => ({ what: `${i === 0 ? path : 'the login'} shows none`, met: !sign.test(text) })),
        'Return a view with the fields to show. Do not return the entity.',
      );
    },
  },
];

function cookieExpectations(name: string, path: string, header: string) {
  const attributes = header
    .split(';')
    .slice(1)
    .map((part) => part.trim().toLowerCase());
  const isForScripts = /csrf|xsrf/i.test(name);
  const sameSite = attributes.find((attribute) => attribute.startsWith('samesite='));
  return [
    { what: `${name} of ${path} is Secure`, met: attributes.includes('secure') },
    { what: `${name} of ${path} is HttpOnly`, met: isForScripts || attributes.includes('httponly') },
    {
      what: `${name} of ${path} is SameSite Lax or Strict`,
      met: sameSite === 'samesite=lax' || sameSite === 'samesite=strict',
      seen: sameSite ?? 'absent',
    },
  ];
}
