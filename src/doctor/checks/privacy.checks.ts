import { judge, pass, skip, type CheckFinding } from '../../reports/index.js';
import type { DoctorCheck } from '../doctor.check.js';
import type { Answer } from '../exchange.js';

function notStored(what: string, { headers }: Answer): CheckFinding {
  const seen = headers['cache-control'] ?? 'absent';
  return judge(
    [{ what: `${what} with Cache-Control: no-store`, met: seen.includes('no-store'), seen }],
    'Send "Cache-Control: no-store" with everything that belongs to a person or holds a token.',
  );
}

export const privacyChecks: DoctorCheck[] = [
  {
    name: 'privacy.caching',
    title: 'Authenticated responses are not stored by caches',
    reference: 'OWASP ASVS 5.0 V14.3.2',
    requests: 3,
    run: async ({ around }) => {
      const { path, answer } = await around.opened();
      return notStored(path, answer);
    },
  },
  {
    name: 'privacy.token-caching',
    title: 'Answers that hold tokens are not stored by caches',
    reference: 'RFC 6749 section 5.1; OWASP ASVS 5.0 V14.3.2',
    requests: 2,
    run: async ({ around }) => {
      const answer = await around.loginAnswer();
      if (answer.status >= 300) return skip(`the login is answered ${answer.status}`);
      return notStored('the login', answer);
    },
  },
  {
    name: 'privacy.cookies',
    title: 'Cookies are Secure, HttpOnly and SameSite',
    reference: 'OWASP ASVS 5.0 V3.3.1, V3.3.2, V3.3.4',
    requests: 2,
    run: async ({ around }) => {
      await Promise.all([around.root(), around.missing(), around.loginAnswer().catch(() => undefined)]);
      if (around.cookies.length === 0) return skip('no cookie was set');
      const unique = new Map(
        around.cookies.map(({ path, header }) => [header.split('=', 1)[0] ?? '', { path, header }]),
      );
      return judge(
        [...unique].flatMap(([name, { path, header }]) => cookieExpectations(name, path, header)),
        'Set these attributes on every cookie; HttpOnly may be left out only where a script has to read it, as with a CSRF token.',
      );
    },
  },
  {
    name: 'privacy.body',
    title: 'A profile shows no password hash',
    reference: 'OWASP ASVS 5.0 V14.2.6',
    requests: 3,
    run: async ({ around }) => {
      const { path, answer } = await around.opened();
      const login = await around.loginAnswer().catch(() => undefined);
      const bodies = [answer.text, login?.text ?? ''];
      const sign = /\$(?:2[aby]|argon2(?:id|i|d)?|scrypt)\$|"(?:password|passwordHash|password_hash|hash|salt)"\s*:/;
      if (bodies.every((text) => !sign.test(text))) return pass({ path });
      return judge(
        bodies.map((text, i) => ({ what: `${i === 0 ? path : 'the login'} shows none`, met: !sign.test(text) })),
        'Map entities to views that name the fields to be shown; do not return the entity.',
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
