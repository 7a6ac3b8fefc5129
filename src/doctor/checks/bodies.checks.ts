import { fail, judge, pass, skip, warn } from '../../reports/index.js';
import type { DoctorCheck } from '../doctor.check.js';

const LARGE_BYTES = 6 * 1024 * 1024;
const DEPTH = 50_000;

const isServerError = (status: number) => status >= 500 && status !== 503;

export const bodyChecks: DoctorCheck[] = [
  {
    name: 'bodies.limit',
    title: 'A body of 6 MB is refused',
    reference: 'OWASP ASVS 5.0 V4.2.5; RFC 9110 section 15.5.14',
    requests: 1,
    run: async ({ target, around }) => {
      const body = { email: 'doctor@doctor.invalid', password: 'x'.repeat(LARGE_BYTES) };
      const { status, failure } = await target.send(await around.login(), { method: 'POST', body });
      return judge(
        [{ what: '413, or the connection is closed', met: status === 413 || status === 0, seen: failure ?? status }],
        'Limit the size of bodies, 1 MB or less, and raise it only on the routes that need more.',
      );
    },
  },
  {
    name: 'bodies.depth',
    title: 'JSON nested 50,000 deep is refused',
    reference: 'OWASP ASVS 5.0 V2.2.1; CWE-674',
    requests: 1,
    run: async ({ target, around }) => {
      const body = `${'['.repeat(DEPTH)}${']'.repeat(DEPTH)}`;
      const headers = { 'Content-Type': 'application/json' };
      const { status, failure } = await target.send(await around.login(), { method: 'POST', body, headers });
      return judge(
        [{ what: 'answered 4xx', met: status >= 400 && status < 500, seen: failure ?? status }],
        'Limit the depth of JSON before it is walked by validation.',
      );
    },
  },
  {
    name: 'bodies.reserved-keys',
    title: 'Keys that reach the prototype are refused or ignored',
    reference: 'OWASP ASVS 5.0 V1.3.2; CWE-1321',
    requests: 2,
    run: async ({ target, around }) => {
      const login = await around.login();
      const headers = { 'Content-Type': 'application/json' };
      const send = (body: string) => target.send(login, { method: 'POST', body, headers });
      const answers = [
        await send('{"__proto__":{"doctorWasHere":"yes"},"email":"doctor@doctor.invalid","password":"x"}'),
        await send(
          '{"constructor":{"prototype":{"doctorWasHere":"yes"}},"email":"doctor@doctor.invalid","password":"x"}',
        ),
      ];
      const after = await target.send(login, { method: 'POST', body: {} });
      return judge(
        [...answers, after].map(({ status, text }) => ({
          what: 'no server error, and the key does not come back',
          met: !isServerError(status) && !text.includes('doctorWasHere'),
          seen: status,
        })),
        'Refuse the keys __proto__ and constructor.prototype when JSON is parsed (secure-json-parse does).',
      );
    },
  },
  {
    name: 'bodies.content-type',
    title: 'JSON is taken only when it is declared as JSON',
    reference: 'OWASP ASVS 5.0 V3.5.2',
    requests: 3,
    run: async ({ target, around }) => {
      const login = await around.login();
      const body = '{"email":"doctor@doctor.invalid","password":"wrong-password"}';
      const send = (type: string, text: string) =>
        target.send(login, { method: 'POST', body: text, headers: { 'Content-Type': type } });
      const declared = await send('application/json', body);
      const empty = await send('application/json', '{}');
      const plain = await send('text/plain', body);
      if (declared.status === empty.status) return skip('the answers to a full and an empty login do not differ');
      if (plain.status !== declared.status) return pass({ declared: declared.status, plain: plain.status });
      return warn(
        { declared: declared.status, plain: plain.status },
        'Refuse text/plain with 415: a form of any site can send it without a preflight.',
      );
    },
  },
  {
    name: 'bodies.long-headers',
    title: 'Overlong URLs and headers are refused',
    reference: 'OWASP ASVS 5.0 V4.2.5; RFC 6585 section 5',
    requests: 2,
    run: async ({ target }) => {
      const url = await target.send(`/?${'q'.repeat(40_000)}`);
      const header = await target.send('/', { headers: { 'X-Doctor': 'h'.repeat(40_000) } });
      const isRefused = (status: number) => status === 0 || (status >= 400 && status < 500);
      if (isRefused(url.status) && isRefused(header.status)) return pass({ url: url.status, header: header.status });
      return fail(
        { url: url.status, header: header.status },
        'Keep the limit of header and URL size (Node: --max-http-header-size, 16 KB by default).',
      );
    },
  },
];
