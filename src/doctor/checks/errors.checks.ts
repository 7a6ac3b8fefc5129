import { checkExpectations, pass, skip, warn } from '../../reports/index.js';
import type { DoctorCheck, CheckContext } from '../doctor.check.js';
import type { ResponseData } from '../exchange.js';

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

const isServerError = ({ status }: ResponseData) => status >= 500 && status !== 503;

/** Invalid requests with their responses. They are sent once for all checks. */
const getProvokedErrors = (context: CheckContext) => context.api.once('provoked', () => sendInvalidRequests(context));

async function sendInvalidRequests({ target, api }: CheckContext): Promise<[what: string, answer: ResponseData][]> {
  const login = await api.getLoginPath().catch(() => '/');
  const post = (body: string, type = 'application/json') =>
    target.send(login, { method: 'POST', body, headers: { 'Content-Type': type } });
  return [
    ['malformed JSON', await post('{"email": ')],
    ['a JSON string instead of an object', await post('"text"')],
    ['null in every field', await post('{"email":null,"password":null}')],
    ['objects instead of strings', await post('{"email":{"$gt":""},"password":{"$gt":""}}')],
    ['a malformed escape in the path', await target.get('/%E0%A4%A')],
    ['a null byte in the path', await target.get('/%00')],
  ];
}

export const errorChecks: DoctorCheck[] = [
  {
    name: 'errors.client-mistakes',
    title: 'Invalid requests get 4xx, not 5xx',
    reference: 'RFC 9110 section 15.5; OWASP ASVS 5.0 V16.5.2',
    requests: 6,
    run: async (context) => {
      const answers = await getProvokedErrors(context);
      return checkExpectations(
        answers.map(([what, answer]) => ({
          what: `${what}: no server error`,
          met: !isServerError(answer),
          seen: answer.failure ?? answer.status,
        })),
        'Respond with 400: use an exception filter for parser errors, and validate every body.',
      );
    },
  },
  {
    name: 'errors.stack-trace',
    title: 'Errors show no stack trace',
    reference: 'OWASP ASVS 5.0 V16.5.1',
    requests: 7,
    run: async (context) => {
      const answers: [string, ResponseData][] = [
        ...(await getProvokedErrors(context)),
        ['an unknown path', await context.api.getUnknownPath()],
      ];
      return checkExpectations(
        answers.map(([what, { text }]) => ({
          what: `${what}: no stack`,
          met: !STACK.test(text),
          seen: STACK.exec(text)?.[0],
        })),
        'Respond with an opaque id, and log the stack with this id. Run with NODE_ENV=production.',
      );
    },
  },
  {
    name: 'errors.internals',
    title: 'Errors show no details of the database or other servers',
    reference: 'OWASP ASVS 5.0 V16.5.1',
    requests: 6,
    run: async ({ target, api }) => {
      const token = await api.getToken().catch(() => undefined);
      const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` };
      const routes = ((await api.getOpenApi())?.routes ?? []).filter(({ method }) => method === 'GET');
      const withParameters = routes.filter(({ hasParameters }) => hasParameters).slice(0, 3);
      const plain = routes.filter(({ hasParameters }) => !hasParameters).slice(0, 3);
      const paths = [
        ...withParameters.map(({ path }) => path.replace(/1(?=$|\/)/, `1'%22`)),
        ...plain.map(({ path }) => `${path}?id=1'%22&limit=-1&sort=%27`),
      ];
      if (paths.length === 0) return skip('no OpenAPI document with routes was found. Pass --openapi');
      const answers: [string, ResponseData][] = [];
      for (const path of paths) answers.push([path, await target.send(path, { headers })]);
      return checkExpectations(
        answers.map(([path, answer]) => ({
          what: `GET ${path}`,
          met: !isServerError(answer) && !INTERNALS.test(answer.text),
          seen: INTERNALS.exec(answer.text)?.[0] ?? answer.status,
        })),
        'Validate parameters before they are used in a query (ParseUUIDPipe, a DTO), and never send messages of the database.',
      );
    },
  },
  {
    name: 'errors.framework',
    title: 'Errors do not reveal the framework',
    reference: 'OWASP ASVS 5.0 V13.4.6',
    requests: 1,
    run: async ({ api }) => {
      const { text } = await api.getUnknownPath();
      const found = FRAMEWORKS.find(([, sign]) => sign.test(text));
      if (!found) return pass();
      return warn({ framework: found[0], body: text.slice(0, 200) }, 'Use your own error format, such as RFC 9457.');
    },
  },
  {
    name: 'errors.format',
    title: 'All errors have one machine-readable format',
    reference: 'RFC 9457',
    requests: 7,
    run: async (context) => {
      const { target, api } = context;
      const closed = await api.getProtectedRoute().catch(() => undefined);
      const answers: [string, ResponseData][] = [
        ['an unknown path', await api.getUnknownPath()],
        ['a malformed path', await target.get('/%E0%A4%A')],
        ...(closed ? [['a closed route', closed.answer] as [string, ResponseData]] : []),
      ];
      const getMediaType = ({ headers }: ResponseData) => String(headers['content-type'] ?? 'none').split(';')[0];
      const types = new Set(answers.map(([, answer]) => getMediaType(answer)));
      return checkExpectations(
        [
          ...answers.map(([what, answer]) => ({
            what: `${what}: the response is JSON`,
            met: /json/.test(getMediaType(answer) ?? ''),
            seen: getMediaType(answer),
          })),
          { what: 'all have the same media type', met: types.size === 1, seen: [...types] },
        ],
        'Send application/problem+json for every error, including errors of the parser and the router.',
        'warn',
      );
    },
  },
];
