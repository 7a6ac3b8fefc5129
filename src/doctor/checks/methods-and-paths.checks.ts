import { fail, judge, pass, skip } from '../../reports/index.js';
import type { DoctorCheck } from '../doctor.check.js';
import type { Answer, Ask } from '../exchange.js';

const isOpen = ({ status }: Answer) => status >= 200 && status < 300;

/** Other ways to write a path, each of which has passed a guard somewhere (see the reference). */
function variants(path: string): [what: string, path: string, ask: Ask][] {
  const last = path.lastIndexOf('/') + 1;
  const encoded = `${path.slice(0, last)}%${path.charCodeAt(last).toString(16)}${path.slice(last + 1)}`;
  return [
    ['HEAD', path, { method: 'HEAD' }],
    ['a double slash', `/${path}`, {}],
    ['a slash at the end', `${path}/`, {}],
    ['capitals', path.toUpperCase(), {}],
    ['a path parameter', `${path};x=1`, {}],
    ['an encoded slash at the end', `${path}%2f`, {}],
    ['an encoded letter', encoded, {}],
    ['a dot segment', `/.${path}`, {}],
    ['a step up', `/public/..${path}`, {}],
    ['an encoded step up', `/public/%2e%2e${path}`, {}],
    ['an extension', `${path}.json`, {}],
    ['a null byte at the end', `${path}%00`, {}],
    ['X-Original-URL', '/', { headers: { 'X-Original-URL': path, 'X-Rewrite-URL': path } }],
    ['a method override', path, { headers: { 'X-HTTP-Method-Override': 'OPTIONS' } }],
    ['an address of its own', path, { headers: { 'X-Forwarded-For': '127.0.0.1', 'X-Real-IP': '127.0.0.1' } }],
  ];
}

export const methodAndPathChecks: DoctorCheck[] = [
  {
    name: 'methods.trace',
    title: 'TRACE is not answered',
    reference: 'OWASP ASVS 5.0 V13.4.4',
    requests: 1,
    run: async ({ target }) => {
      const { status } = await target.send('/', { method: 'TRACE' });
      return judge([{ what: 'TRACE / is refused', met: status === 0 || status >= 400, seen: status }], 'Refuse TRACE.');
    },
  },
  {
    name: 'methods.override',
    title: 'No header changes the method of a request',
    reference: 'OWASP ASVS 5.0 V4.1.3',
    requests: 2,
    run: async ({ target, around }) => {
      const { path } = await around.closed();
      const plain = await target.send(path, { method: 'POST', body: {} });
      const overridden = await target.send(path, {
        method: 'POST',
        body: {},
        headers: { 'X-HTTP-Method-Override': 'GET', 'X-HTTP-Method': 'GET', 'X-Method-Override': 'GET' },
      });
      if (plain.status !== 404 && plain.status !== 405) return skip(`POST ${path} is a route of its own`);
      return judge(
        [
          {
            what: `POST ${path} as GET is answered as POST is`,
            met: overridden.status === plain.status,
            seen: [plain.status, overridden.status],
          },
        ],
        'Remove the method-override middleware: it lets a form post pass as any method.',
      );
    },
  },
  {
    name: 'paths.bypass',
    title: 'No other way to write a path passes the guard',
    reference: 'OWASP ASVS 5.0 V8.3.1',
    requests: 17,
    run: async ({ target, around }) => {
      const { path } = await around.closed();
      if (isOpen(await around.missing())) return skip('unknown paths are answered 200 as well, so nothing can be told');
      const passed: string[] = [];
      const root = await around.root();
      for (const [what, variant, ask] of variants(path)) {
        const answer = await target.send(variant, ask);
        const isRoot = variant === '/' && answer.text === root.text;
        if (isOpen(answer) && !isRoot) passed.push(`${what}: ${ask.method ?? 'GET'} ${variant} → ${answer.status}`);
      }
      if (passed.length === 0) return pass({ path, tried: variants(path).map(([what]) => what) });
      return fail(
        { path, passed },
        'Decide in a guard on the route, not in a middleware or proxy rule on the path: routers read paths more loosely.',
      );
    },
  },
];
