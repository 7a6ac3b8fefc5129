import { fail, checkExpectations, pass, skip, warn } from '../../reports/index.js';
import type { DoctorCheck } from '../doctor.check.js';

const LARGE_BYTES = 6 * 1024 * 1024;
const DEPTH = 50_000;

const isServerError = (status: number) => status >= 500 && status !== 503;

export const bodyChecks: DoctorCheck[] = [
  {
    name: 'bodies.limit',
    title: 'A body of 6 MB is rejected',
    reference: 'OWASP ASVS 5.0 V4.2.5; RFC 9110 section 15.5.14',
    requests: 1,
    run: async ({ target, api }) => {
      const body = { email: 'doctor@doctor.invalid', password: 'x'.repeat(LARGE_BYTES) };
      const { status, failure } = await target.send(await api.getLoginPath(), { method: 'POST', body });
      return checkExpectations(
        [{ what: '413, or the connection is closed', met: status === 413 || status === 0, seen: failure ?? status }],
        'Limit the size of bodies to 1 MB or less, and raise the limit only on the routes that need it.',
      );
    },
  },
  {
    name: 'bodies.depth',
    title: 'JSON with 50,000 nested levels is rejected',
    reference: 'OWASP ASVS 5.0 V2.2.1; CWE-674',
    requests: 1,
    run: async ({ target, api }) => {
      const body = `${'['.repeat(DEPTH)}${']'.repeat(DEPTH)}`;
      const headers = { 'Content-Type': 'application/json' };
      const { status, failure } = await target.send(await api.getLoginPath(), { method: 'POST', body, headers });
      return checkExpectations(
        [{ what: 'the status is 4xx', met: status >= 400 && status < 500, seen: failure ?? status }],
        'Limit the depth of JSON before it is validated.',
      );
    },
  },
  {
    name: 'bodies.reserved-keys',
    title: 'Keys that can change a prototype are rejected or ignored',
    reference: 'OWASP ASVS 5.0 V1.3.2; CWE-1321',
    requests: 2,
    run: async ({ target, api }) => {
      const login = await api.getLoginPath();
      const headers = { 'Content-Type': 'application/json' };
      const send = (body: string) => target.send(login, { method: 'POST', body, headers });
      const answers = [
        await send('{"__proto__":{"doctorWasHere":"yes"},"email":"doctor@doctor.invalid","password":"x"}'),
        await send(
          '{"constructor":{"prototype":{"doctorWasHere":"yes"}},"email":"doctor@doctor.invalid","password":"x"}',
        ),
      ];
      const after = await target.send(login, { method: 'POST', body: {} });
      return checkExpectations(
        [...answers, after].map(({ status, text }) => ({
          what: 'no server error, and the response does not contain the key',
          met: !isServerError(status) && !text.includes('doctorWasHere'),
          seen: status,
        })),
        'Reject the keys __proto__ and constructor.prototype when JSON is parsed, for example with secure-json-parse.',
      );
    },
  },
  {
    name: 'bodies.content-type',
    title: 'JSON is accepted only with a JSON Content-Type',
    reference: 'OWASP ASVS 5.0 V3.5.2',
    requests: 3,
    run: async ({ target, api }) => {
      const login = await api.getLoginPath();
      const body = '{"email":"doctor@doctor.invalid","password":"wrong-password"}';
      const send = (type: string, text: string) =>
        target.send(login, { method: 'POST', body: text, headers: { 'Content-Type': type } });
      const declared = await send('application/json', body);
      const empty = await send('application/json', '{}');
      const plain = await send('text/plain', body);
      if (declared.status === empty.status) return skip('a complete and an empty login get the same status');
      if (plain.status !== declared.status) return pass({ declared: declared.status, plain: plain.status });
      return warn(
        { declared: declared.status, plain: plain.status },
        'Reject text/plain with 415. A form on any site can send it without a preflight.',
      );
    },
  },
  {
    name: 'bodies.long-headers',
    title: 'Too long URLs and headers are rejected',
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
