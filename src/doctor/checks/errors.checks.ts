import { judge, pass, skip, warn } from '../../reports/index.js';
import type { DoctorCheck, Visit } from '../doctor.check.js';
import type { Answer } from '../exchange.js';

const STACK =
  /\bat (?:async |new )?[\w.<>$]+(?: \[as \w+\])? ?\(?(?:file:|node:|\/|[A-Z]:\\)|node_modules\/|Traceback \(most recent call last\)/;
const INTERNALS =
  /QueryFailedError|syntax error at or near|invalid input syntax for type|ECONNREFUSED|PrismaClient|SequelizeDatabaseError|MongoServerError|SQLITE_ERROR|ER_PARSE_ERROR|relation "\w+" does not exist|column "?\w+"? does not exist/;
const FRAMEWORKS: [name: string, sign: RegExp][] = [
  ['Express', /<pre>Cannot (?:GET|POST) /],
  ['Nest', /^\{"message":"Cannot [A-Z]+ [^"]*","error":"Not Found","statusCode":404\}$/],
  ['Fastify', /^\{"message":"Route [A-Z]+:[^"]* not found","error":"Not Found","statusCode":404\}$/],
  ['Spring', /Whitelabel Error Page/],
  ['Django', /DisallowedHost|You're seeing this error because you have <code>DEBUG = True/],
  ['nginx', /<center>nginx(?:\/[\d.]+)?<\/center>/],
];

const isServerError = ({ status }: Answer) => status >= 500 && status !== 503;

/** Inputs that no client should send, each with the answer to it. */
const provoked = (visit: Visit) => visit.around.once('provoked', () => provoke(visit));

async function provoke({ target, around }: Visit): Promise<[what: string, answer: Answer][]> {
  const login = await around.login().catch(() => '/');
  const post = (body: string, type = 'application/json') =>
    target.send(login, { method: 'POST', body, headers: { 'Content-Type': type } });
  return [
    ['malformed JSON', await post('{"email": ')],
    ['a JSON string where an object is meant', await post('"text"')],
    ['null in every field', await post('{"email":null,"password":null}')],
    ['objects where strings are meant', await post('{"email":{"$gt":""},"password":{"$gt":""}}')],
    ['a malformed escape in the path', await target.get('/%E0%A4%A')],
    ['a null byte in the path', await target.get('/%00')],
  ];
}

export const errorChecks: DoctorCheck[] = [
  {
    name: 'errors.client-mistakes',
    title: 'Mistakes of clients are answered 4xx, not 5xx',
    reference: 'RFC 9110 section 15.5; OWASP ASVS 5.0 V16.5.2',
    requests: 6,
    run: async (visit) => {
      const answers = await provoked(visit);
      return judge(
        answers.map(([what, answer]) => ({
          what: `${what}: no server error`,
          met: !isServerError(answer),
          seen: answer.failure ?? answer.status,
        })),
        'Answer these with 400: an exception filter for parser errors, and validation of every body.',
      );
    },
  },
  {
    name: 'errors.stack-trace',
    title: 'Errors show no stack trace',
    reference: 'OWASP ASVS 5.0 V16.5.1',
    requests: 7,
    run: async (visit) => {
      const answers: [string, Answer][] = [
        ...(await provoked(visit)),
        ['an unknown path', await visit.around.missing()],
      ];
      return judge(
        answers.map(([what, { text }]) => ({
          what: `${what}: no stack`,
          met: !STACK.test(text),
          seen: STACK.exec(text)?.[0],
        })),
        'Answer with an opaque id and log the stack under it; run with NODE_ENV=production.',
      );
    },
  },
  {
    name: 'errors.internals',
    title: 'Errors show nothing of the database or of other servers',
    reference: 'OWASP ASVS 5.0 V16.5.1',
    requests: 6,
    run: async ({ target, around }) => {
      const token = await around.token().catch(() => undefined);
      const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` };
      const routes = ((await around.openApi())?.routes ?? []).filter(({ method }) => method === 'GET');
      const withParameters = routes.filter(({ hasParameters }) => hasParameters).slice(0, 3);
      const plain = routes.filter(({ hasParameters }) => !hasParameters).slice(0, 3);
      const paths = [
        ...withParameters.map(({ path }) => path.replace(/1(?=$|\/)/, `1'%22`)),
        ...plain.map(({ path }) => `${path}?id=1'%22&limit=-1&sort=%27`),
      ];
      if (paths.length === 0) return skip('no OpenAPI document names routes to try; pass --openapi');
      const answers: [string, Answer][] = [];
      for (const path of paths) answers.push([path, await target.send(path, { headers })]);
      return judge(
        answers.map(([path, answer]) => ({
          what: `GET ${path}`,
          met: !isServerError(answer) && !INTERNALS.test(answer.text),
          seen: INTERNALS.exec(answer.text)?.[0] ?? answer.status,
        })),
        'Check parameters before they reach the database (ParseUUIDPipe, a DTO), and never send the text of its errors.',
      );
    },
  },
  {
    name: 'errors.framework',
    title: 'Errors do not tell which framework made them',
    reference: 'OWASP ASVS 5.0 V13.4.6',
    requests: 1,
    run: async ({ around }) => {
      const { text } = await around.missing();
      const found = FRAMEWORKS.find(([, sign]) => sign.test(text));
      if (!found) return pass();
      return warn(
        { framework: found[0], body: text.slice(0, 200) },
        'Answer errors in a form of your own, such as RFC 9457.',
      );
    },
  },
  {
    name: 'errors.format',
    title: 'Errors come in one machine-readable format',
    reference: 'RFC 9457',
    requests: 7,
    run: async (visit) => {
      const { target, around } = visit;
      const closed = await around.closed().catch(() => undefined);
      const answers: [string, Answer][] = [
        ['an unknown path', await around.missing()],
        ['a malformed path', await target.get('/%E0%A4%A')],
        ...(closed ? [['a closed route', closed.answer] as [string, Answer]] : []),
      ];
      const typeOf = ({ headers }: Answer) => String(headers['content-type'] ?? 'none').split(';')[0];
      const types = new Set(answers.map(([, answer]) => typeOf(answer)));
      return judge(
        [
          ...answers.map(([what, answer]) => ({
            what: `${what} is answered in JSON`,
            met: /json/.test(typeOf(answer) ?? ''),
            seen: typeOf(answer),
          })),
          { what: 'all in the same type', met: types.size === 1, seen: [...types] },
        ],
        'Answer every failure with application/problem+json, those of the parser and the router among them.',
        'warn',
      );
    },
  },
];
