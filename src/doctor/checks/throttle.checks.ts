import { randomInt, randomUUID } from 'node:crypto';
import { fail, judge, pass, skip, warn } from '../../reports/index.js';
import type { DoctorCheck, Visit } from '../doctor.check.js';
import type { Answer, Ask } from '../exchange.js';
import type { Target } from '../target.js';

/** A person mistypes a few times; thirty times is a machine. */
const LOGIN_TRIES = 30;
/** Requests in flight at once: a steady client, no flood. */
const AT_ONCE = 5;

interface Tries {
  sent: number;
  limited: Answer | undefined;
}

/** Sends until the first 429, or as many as allowed. */
async function untilLimited(target: Target, path: string, most: number, ask: (i: number) => Ask): Promise<Tries> {
  let sent = 0;
  while (sent < most) {
    const batch = Array.from({ length: Math.min(AT_ONCE, most - sent) }, (_, i) =>
      target.send(path, { ...ask(sent + i), patient: false }),
    );
    sent += batch.length;
    const limited = (await Promise.all(batch)).find(({ status }) => status === 429);
    if (limited) return { sent, limited };
  }
  return { sent, limited: undefined };
}

/** Tries passwords of one account, for all checks that need it, and says from where. */
function guesses({ target, around }: Visit): Promise<Tries & { target: Target; path: string }> {
  return around.once('guesses', async () => {
    const path = await around.login();
    const email = `${randomUUID()}@doctor.invalid`;
    const ask = (i: number) => ({ method: 'POST', body: { email, password: `wrong-password-${i}` } });
    return { target, path, ...(await untilLimited(target, path, LOGIN_TRIES, ask)) };
  });
}

const limitedBy = ({ limited, sent }: Tries) => ({
  requests: sent,
  limited: limited !== undefined,
});

export const throttleChecks: DoctorCheck[] = [
  {
    name: 'throttle.login',
    title: 'Guessing passwords is slowed down',
    reference: 'OWASP ASVS 5.0 V6.3.1',
    requests: LOGIN_TRIES,
    run: async (visit) => {
      const found = await guesses(visit);
      if (!found.limited) {
        return fail(
          limitedBy(found),
          'Limit login tries by address and by account: ten a minute are enough for people.',
        );
      }
      return pass(limitedBy(found));
    },
  },
  {
    name: 'throttle.general',
    title: 'A client that asks too often is stopped',
    reference: 'OWASP ASVS 5.0 V2.4.1; RFC 6585 section 4',
    requests: ({ throttleRequests }) => throttleRequests,
    run: async (visit) => {
      const { path, announced } = await openRoute(visit);
      const found = await untilLimited(visit.target, path, visit.throttleRequests, () => ({}));
      if (found.limited) {
        const retryAfter = found.limited.headers['retry-after'];
        return judge(
          [
            { what: 'requests are refused with 429', met: true, seen: found.sent },
            { what: 'Retry-After says when to come back', met: Number(retryAfter) > 0, seen: retryAfter ?? 'absent' },
          ],
          'Send Retry-After, in seconds, with every 429.',
        );
      }
      if (announced !== undefined) return pass({ requests: found.sent, announced });
      return warn(
        limitedBy(found),
        'Limit requests by address. If the limit is higher than this, announce it (RateLimit-Policy) or raise --throttle-requests.',
      );
    },
  },
  {
    name: 'throttle.forwarded-for',
    title: 'A client cannot escape its limit by a forged X-Forwarded-For',
    reference: 'OWASP ASVS 5.0 V4.1.3',
    requests: 2 * LOGIN_TRIES + 10,
    run: async (visit) => {
      // From where guesses were sent already, so that the limit is soon reached.
      const { target, path } = await guesses(visit);
      const ask = (headers: Record<string, string>): Ask => ({
        method: 'POST',
        body: { email: `${randomUUID()}@doctor.invalid`, password: 'wrong-password' },
        headers,
      });
      const before = await untilLimited(target, path, LOGIN_TRIES, () => ask({}));
      if (!before.limited) return skip('the login has no limit to escape from');
      const answers: Answer[] = [];
      for (let i = 0; i < 10; i++) {
        const forged = `203.0.113.${randomInt(1, 255)}`;
        const headers = { 'X-Forwarded-For': forged, 'X-Real-IP': forged, 'True-Client-IP': forged };
        answers.push(await target.send(path, { ...ask(headers), patient: false }));
      }
      const admitted = answers.filter(({ status }) => status !== 429).length;
      return judge(
        [{ what: 'ten forged addresses gain no request', met: admitted === 0, seen: admitted }],
        'Believe X-Forwarded-For only from proxies that are known: "trust proxy" by their number or addresses, never true.',
      );
    },
  },
];

/** An open route, and the limit that it announces, if it does. */
async function openRoute({ target, around }: Visit): Promise<{ path: string; announced: string | undefined }> {
  const root = await around.root();
  const routes = (await around.openApi())?.routes ?? [];
  const described = routes.find(({ method, isSecured, hasParameters, path }) => {
    return method === 'GET' && !isSecured && !hasParameters && !/health|live|ready|metrics/i.test(path);
  });
  const path = root.status < 300 || !described ? '/' : described.path;
  const { headers } = await target.get(path);
  const announced = headers['ratelimit-policy'] ?? headers['ratelimit-limit'] ?? headers['x-ratelimit-limit'];
  return { path, announced: announced === undefined ? undefined : String(announced) };
}
