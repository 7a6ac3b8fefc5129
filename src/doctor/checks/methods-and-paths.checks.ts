import { fail, checkExpectations, pass, skip } from '../../reports/index.js';
import type { DoctorCheck } from '../doctor.check.js';
import type { ResponseData, RequestOptions } from '../exchange.js';

const isAllowed = ({ status }: ResponseData) => status >= 200 && status < 300;

/** Other spellings of a path and other ways to request it. Each of them has bypassed a guard of some framework. */
function createVariants(path: string): [what: string, path: string, ask: RequestOptions][] {
  const last = path.lastIndexOf('/') + 1;
  const encoded = `${path.slice(0, last)}%${path.charCodeAt(last).toString(16)}${path.slice(last + 1)}`;
  return [
    ['HEAD', path, { method: 'HEAD' }],
    ['a double slash', `/${path}`, {}],
    ['a slash at the end', `${path}/`, {}],
    ['upper case', path.toUpperCase(), {}],
    ['a path parameter', `${path};x=1`, {}],
    ['an encoded slash at the end', `${path}%2f`, {}],
    ['an encoded letter', encoded, {}],
    ['a dot segment', `/.${path}`, {}],
    ['a parent segment', `/public/..${path}`, {}],
    ['an encoded parent segment', `/public/%2e%2e${path}`, {}],
    ['an extension', `${path}.json`, {}],
    ['a null byte at the end', `${path}%00`, {}],
    ['X-Original-URL', '/', { headers: { 'X-Original-URL': path, 'X-Rewrite-URL': path } }],
    ['a method override', path, { headers: { 'X-HTTP-Method-Override': 'OPTIONS' } }],
    ['a forged local address', path, { headers: { 'X-Forwarded-For': '127.0.0.1', 'X-Real-IP': '127.0.0.1' } }],
  ];
}

export const methodAndPathChecks: DoctorCheck[] = [
  {
    name: 'methods.trace',
    title: 'TRACE is rejected',
    reference: 'OWASP ASVS 5.0 V13.4.4',
    requests: 1,
    run: async ({ target }) => {
      const { status } = await target.send('/', { method: 'TRACE' });
      return checkExpectations(
        [{ what: 'TRACE / is rejected', met: status === 0 || status >= 400, seen: status }],
        'Reject TRACE.',
      );
    },
  },
  {
    name: 'methods.override',
    title: 'No header changes the method of a request',
    reference: 'OWASP ASVS 5.0 V4.1.3',
    requests: 2,
    run: async ({ target, api }) => {
      const { path } = await api.getProtectedRoute();
      const plain = await target.send(path, { method: 'POST', body: {} });
      const overridden = await target.send(path, {
        method: 'POST',
        body: {},
        headers: { 'X-HTTP-Method-Override': 'GET', 'X-HTTP-Method': 'GET', 'X-Method-Override': 'GET' },
      });
      if (plain.status !== 404 && plain.status !== 405) return skip(`POST ${path} is a separate route`);
      return checkExpectations(
        [
          {
            what: `POST ${path} with an override header gets the same status as without`,
            met: overridden.status === plain.status,
            seen: [plain.status, overridden.status],
          },
        ],
        'Remove the method-override middleware. With it, a form can send any method.',
      );
    },
  },
  {
    name: 'paths.bypass',
    title: 'No other spelling of a path bypasses the guard',
    reference: 'OWASP ASVS 5.0 V8.3.1',
    requests: 17,
    run: async ({ target, api }) => {
      const { path } = await api.getProtectedRoute();
      if (isAllowed(await api.getUnknownPath()))
        return skip('unknown paths get 200 too, so a bypass cannot be detected');
      const passed: string[] = [];
      const root = await api.getRoot();
      for (const [what, variant, ask] of createVariants(path)) {
        const answer = await target.send(variant, ask);
        const isRoot = variant === '/' && answer.text === root.text;
        if (isAllowed(answer) && !isRoot) passed.push(`${what}: ${ask.method ?? 'GET'} ${variant} → ${answer.status}`);
      }
      if (passed.length === 0) return pass({ path, tried: createVariants(path).map(([what]) => what) });
      return fail(
        { path, passed },
        'Check access in a guard on the route, not in a middleware or proxy rule on the path. Routers accept other spellings.',
      );
    },
  },
];
