import { randomInt, randomUUID } from 'node:crypto';
import { fail, checkExpectations, pass, skip, warn } from '../../reports/index.js';
import type { DoctorCheck, CheckContext } from '../doctor.check.js';
import type { ResponseData, RequestOptions } from '../exchange.js';
import type { Target } from '../target.js';

/** A person mistypes a password a few times. Thirty attempts come from a program. */
const MAX_LOGIN_ATTEMPTS = 30;
/** Enough for a busy client, and not a flood. */
const MAX_CONCURRENT_REQUESTS = 5;

interface LimitResult {
  sent: number;
  limited: ResponseData | undefined;
}

/** Sends requests until the first 429, at most `most`. */
async function sendUntilLimited(
  target: Target,
  path: string,
  most: number,
  ask: (i: number) => RequestOptions,
): Promise<LimitResult> {
  let sent = 0;
  while (sent < most) {
    const batch = Array.from({ length: Math.min(MAX_CONCURRENT_REQUESTS, most - sent) }, (_, i) =>
      target.send(path, { ...ask(sent + i), retryWhenLimited: false }),
    );
    sent += batch.length;
    const limited = (await Promise.all(batch)).find(({ status }) => status === 429);
    if (limited) return { sent, limited };
  }
  return { sent, limited: undefined };
}

/** Guesses passwords of one account. The attempts are sent once for all checks that need them. */
function guessPasswords({ target, api }: CheckContext): Promise<LimitResult & { target: Target; path: string }> {
  return api.once('guesses', async () => {
    const path = await api.getLoginPath();
    const email = `${randomUUID()}@doctor.invalid`;
    const ask = (i: number) => ({ method: 'POST', body: { email, password: `wrong-password-${i}` } });
    return { target, path, ...(await sendUntilLimited(target, path, MAX_LOGIN_ATTEMPTS, ask)) };
  });
}

const toEvidence = ({ limited, sent }: LimitResult) => ({
  requests: sent,
  limited: limited !== undefined,
});

export const throttleChecks: DoctorCheck[] = [
  {
    name: 'throttle.login',
    title: 'Password guessing is limited',
    reference: 'OWASP ASVS 5.0 V6.3.1',
    requests: MAX_LOGIN_ATTEMPTS,
    run: async (context) => {
      const found = await guessPasswords(context);
      if (!found.limited) {
        return fail(
          toEvidence(found),
          'Limit login attempts by address and by account. Ten a minute are enough for people.',
        );
      }
      return pass(toEvidence(found));
    },
  },
  {
    name: 'throttle.general',
    title: 'A client that sends too many requests is limited',
    reference: 'OWASP ASVS 5.0 V2.4.1; RFC 6585 section 4',
    requests: ({ throttleRequests }) => throttleRequests,
    run: async (context) => {
      const { path, announced } = await findPublicRoute(context);
      const found = await sendUntilLimited(context.target, path, context.throttleRequests, () => ({}));
      if (found.limited) {
        const retryAfter = found.limited.headers['retry-after'];
        return checkExpectations(
          [
            { what: 'requests are rejected with 429', met: true, seen: found.sent },
            { what: 'Retry-After says when to retry', met: Number(retryAfter) > 0, seen: retryAfter ?? 'absent' },
          ],
          'Send Retry-After, in seconds, with every 429.',
        );
      }
      if (announced !== undefined) return pass({ requests: found.sent, announced });
      return warn(
        toEvidence(found),
        'Limit requests by address. If the limit is higher, announce it (RateLimit-Policy) or raise --throttle-requests.',
      );
    },
  },
  {
    name: 'throttle.forwarded-for',
    title: 'A client cannot bypass its limit by a forged X-Forwarded-For',
    reference: 'OWASP ASVS 5.0 V4.1.3',
    requests: 2 * MAX_LOGIN_ATTEMPTS + 10,
    run: async (context) => {
      // Password guesses were already sent from this address, so the limit is reached soon.
      const { target, path } = await guessPasswords(context);
      const ask = (headers: Record<string, string>): RequestOptions => ({
        method: 'POST',
        body: { email: `${randomUUID()}@doctor.invalid`, password: 'wrong-password' },
        headers,
      });
      const before = await sendUntilLimited(target, path, MAX_LOGIN_ATTEMPTS, () => ask({}));
      if (!before.limited) return skip('the login has no limit');
      const answers: ResponseData[] = [];
      for (let i = 0; i < 10; i++) {
        const forged = `203.0.113.${randomInt(1, 255)}`;
        const headers = { 'X-Forwarded-For': forged, 'X-Real-IP': forged, 'True-Client-IP': forged };
        answers.push(await target.send(path, { ...ask(headers), retryWhenLimited: false }));
      }
      const admitted = answers.filter(({ status }) => status !== 429).length;
      return checkExpectations(
        [{ what: 'ten forged addresses allow no further request', met: admitted === 0, seen: admitted }],
        'Trust X-Forwarded-For only from known proxies: set "trust proxy" to their number or addresses, never to true.',
      );
    },
  },
];

/** Returns a public route, and its announced limit if there is one. */
async function findPublicRoute({
  target,
  api,
}: CheckContext): Promise<{ path: string; announced: string | undefined }> {
  const root = await api.getRoot();
  const { publicPath } = api.namedPaths;
  const routes = publicPath === undefined ? ((await api.getOpenApi())?.routes ?? []) : [];
  const described = routes.find(({ method, isSecured, hasParameters, path }) => {
    return method === 'GET' && !isSecured && !hasParameters && !/health|live|ready|metrics/i.test(path);
  });
  const path = publicPath ?? (root.status < 300 || !described ? '/' : described.path);
  const { headers } = await target.get(path);
  const announced = headers['ratelimit-policy'] ?? headers['ratelimit-limit'] ?? headers['x-ratelimit-limit'];
  return { path, announced: announced === undefined ? undefined : String(announced) };
}
