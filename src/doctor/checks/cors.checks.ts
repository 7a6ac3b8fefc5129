import { fail, checkExpectations, pass, skip, warn } from '../../reports/index.js';
import type { DoctorCheck, CheckContext } from '../doctor.check.js';
import type { ResponseData } from '../exchange.js';

const FOREIGN_ORIGIN = 'https://doctor-origin.invalid';

/** Returns the CORS permissions for an origin, from a response and from a preflight. */
async function sendFromOrigin(
  { target }: CheckContext,
  origin: string,
): Promise<{ allowed: string | undefined; credentials: boolean }> {
  const headers = { Origin: origin };
  const preflight = { ...headers, 'Access-Control-Request-Method': 'POST' };
  const answers = [
    await target.send('/', { headers }),
    await target.send('/', { method: 'OPTIONS', headers: preflight }),
  ];
  return {
    allowed: answers.map(getAllowedOrigin).find((value) => value !== undefined),
    credentials: answers.some((answer) => answer.headers['access-control-allow-credentials'] === 'true'),
  };
}

const getAllowedOrigin = ({ headers }: ResponseData) => headers['access-control-allow-origin'];

export const corsChecks: DoctorCheck[] = [
  {
    name: 'cors.foreign-origin',
    title: 'An unknown origin may not read responses',
    reference: 'OWASP ASVS 5.0 V3.4.2',
    requests: 2,
    run: async (context) => {
      const { allowed, credentials } = await sendFromOrigin(context, FOREIGN_ORIGIN);
      const evidence = { 'access-control-allow-origin': allowed, 'access-control-allow-credentials': credentials };
      const remedy = 'List the exact origins that are allowed. Never reflect the Origin header.';
      if (allowed === undefined || (allowed !== '*' && allowed !== FOREIGN_ORIGIN)) return pass(evidence);
      return allowed === '*' && !credentials ? warn(evidence, remedy) : fail(evidence, remedy);
    },
  },
  {
    name: 'cors.null-origin',
    title: 'The origin "null" is not trusted',
    reference: 'OWASP ASVS 5.0 V3.4.2',
    requests: 2,
    run: async (context) => {
      const { allowed } = await sendFromOrigin(context, 'null');
      return checkExpectations(
        [{ what: 'Access-Control-Allow-Origin is not "null"', met: allowed !== 'null', seen: allowed }],
        'Any sandboxed frame has the origin "null". Remove it from the list.',
      );
    },
  },
  {
    name: 'cors.look-alike',
    title: 'Origins that look similar to a trusted origin are not trusted',
    reference: 'OWASP ASVS 5.0 V3.4.2',
    requests: 8,
    run: async (context) => {
      const own = new URL(context.allowedOrigin ?? context.target.url.origin);
      if (!own.hostname.includes('.') || own.hostname.startsWith('127.')) {
        return skip('pass an allowed origin with --origin to test similar origins');
      }
      const lookAlikes = [
        `${own.protocol}//${own.hostname}.doctor.invalid`,
        `${own.protocol}//doctor${own.hostname}`,
        `${own.protocol}//${own.hostname.replace('.', 'x')}`,
        ...(own.protocol === 'https:' ? [`http://${own.hostname}`] : []),
      ];
      const expectations = [];
      for (const origin of lookAlikes) {
        const { allowed } = await sendFromOrigin(context, origin);
        expectations.push({ what: `${origin} is refused`, met: allowed !== origin, seen: allowed ?? 'refused' });
      }
      return checkExpectations(
        expectations,
        'Compare complete origins. Anchor a pattern at both ends and escape its dots.',
      );
    },
  },
  {
    name: 'cors.vary',
    title: 'Vary tells caches that responses depend on the origin',
    reference: 'Fetch standard, CORS protocol and HTTP caches',
    requests: 1,
    run: async ({ target, allowedOrigin }) => {
      const origin = allowedOrigin ?? FOREIGN_ORIGIN;
      const { headers } = await target.send('/', { headers: { Origin: origin } });
      if (headers['access-control-allow-origin'] !== origin) return skip('no origin is allowed explicitly');
      return checkExpectations(
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
