import { fail, judge, pass, skip, warn } from '../../reports/index.js';
import type { DoctorCheck, Visit } from '../doctor.check.js';
import type { Answer } from '../exchange.js';

const FOREIGN = 'https://doctor-origin.invalid';

/** What a browser of `origin` would be told, by the answer itself and by the preflight. */
async function ask({ target }: Visit, origin: string): Promise<{ allowed: string | undefined; credentials: boolean }> {
  const headers = { Origin: origin };
  const preflight = { ...headers, 'Access-Control-Request-Method': 'POST' };
  const answers = [
    await target.send('/', { headers }),
    await target.send('/', { method: 'OPTIONS', headers: preflight }),
  ];
  return {
    allowed: answers.map(allowedBy).find((value) => value !== undefined),
    credentials: answers.some((answer) => answer.headers['access-control-allow-credentials'] === 'true'),
  };
}

const allowedBy = ({ headers }: Answer) => headers['access-control-allow-origin'];

export const corsChecks: DoctorCheck[] = [
  {
    name: 'cors.foreign-origin',
    title: 'An unknown origin may not read responses',
    reference: 'OWASP ASVS 5.0 V3.4.2',
    requests: 2,
    run: async (visit) => {
      const { allowed, credentials } = await ask(visit, FOREIGN);
      const evidence = { 'access-control-allow-origin': allowed, 'access-control-allow-credentials': credentials };
      const remedy = 'List the origins that may, exactly. Never reflect the Origin header.';
      if (allowed === undefined || (allowed !== '*' && allowed !== FOREIGN)) return pass(evidence);
      return allowed === '*' && !credentials ? warn(evidence, remedy) : fail(evidence, remedy);
    },
  },
  {
    name: 'cors.null-origin',
    title: 'The origin "null" is not trusted',
    reference: 'OWASP ASVS 5.0 V3.4.2',
    requests: 2,
    run: async (visit) => {
      const { allowed } = await ask(visit, 'null');
      return judge(
        [{ what: 'Access-Control-Allow-Origin is not "null"', met: allowed !== 'null', seen: allowed }],
        'Any sandboxed frame has the origin "null". Remove it from the list.',
      );
    },
  },
  {
    name: 'cors.look-alike',
    title: 'Origins that look like a trusted one are not trusted',
    reference: 'OWASP ASVS 5.0 V3.4.2',
    requests: 8,
    run: async (visit) => {
      const own = new URL(visit.allowedOrigin ?? visit.target.url.origin);
      if (!own.hostname.includes('.') || own.hostname.startsWith('127.')) {
        return skip('name an origin that is allowed with --origin to try its look-alikes');
      }
      const lookAlikes = [
        `${own.protocol}//${own.hostname}.doctor.invalid`,
        `${own.protocol}//doctor${own.hostname}`,
        `${own.protocol}//${own.hostname.replace('.', 'x')}`,
        ...(own.protocol === 'https:' ? [`http://${own.hostname}`] : []),
      ];
      const expectations = [];
      for (const origin of lookAlikes) {
        const { allowed } = await ask(visit, origin);
        expectations.push({ what: `${origin} is refused`, met: allowed !== origin, seen: allowed ?? 'refused' });
      }
      return judge(expectations, 'Compare whole origins. A pattern must be anchored at both ends, its dots escaped.');
    },
  },
  {
    name: 'cors.vary',
    title: 'Caches are told that answers differ by origin',
    reference: 'Fetch standard, CORS protocol and HTTP caches',
    requests: 1,
    run: async ({ target, allowedOrigin }) => {
      const origin = allowedOrigin ?? FOREIGN;
      const { headers } = await target.send('/', { headers: { Origin: origin } });
      if (headers['access-control-allow-origin'] !== origin) return skip('no origin is let in by name');
      return judge(
        [
          {
            what: 'Vary names Origin',
            met: /\borigin\b|\*/i.test(String(headers.vary)),
            seen: headers.vary ?? 'absent',
          },
        ],
        'Send "Vary: Origin" wherever Access-Control-Allow-Origin depends on the request.',
        'warn',
      );
    },
  },
];
