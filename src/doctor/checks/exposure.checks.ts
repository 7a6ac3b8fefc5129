import { checkExpectations, pass, warn } from '../../reports/index.js';
import type { DoctorCheck, CheckContext } from '../doctor.check.js';

/** Files that must not be served, each with a pattern of its content. Some servers send a page for every path. */
const FILES: [path: string, sign: RegExp][] = [
  ['/.env', /^[ \t]*(?:export )?[A-Z][A-Z0-9_]+=/m],
  ['/.git/config', /^\[core\]/m],
  ['/.git/HEAD', /^ref: refs\//],
  ['/package.json', /"dependencies"\s*:/],
  ['/.npmrc', /^(?:\/\/|registry=|_auth)/m],
  ['/docker-compose.yml', /^services:/m],
];

const OPERATIONS: [path: string, sign: RegExp][] = [
  ['/metrics', /^# (?:HELP|TYPE) /m],
  ['/actuator/env', /"propertySources"/],
  ['/debug/vars', /"memstats"/],
  ['/server-status', /Apache Server Status/],
];

async function findExposed({ target }: CheckContext, places: [path: string, sign: RegExp][]): Promise<string[]> {
  const answers = await Promise.all(
    places.map(async ([path, sign]) => ({ path, sign, answer: await target.get(path) })),
  );
  return answers.filter(({ sign, answer }) => answer.status === 200 && sign.test(answer.text)).map(({ path }) => path);
}

export const exposureChecks: DoctorCheck[] = [
  {
    name: 'exposure.files',
    title: 'Source code, settings and the repository are not served',
    reference: 'OWASP ASVS 5.0 V13.4.1, V13.4.7',
    requests: FILES.length,
    run: async (context) => {
      const exposed = await findExposed(context, FILES);
      return checkExpectations(
        [
          {
            what: `${FILES.map(([path]) => path).join(', ')} are not served`,
            met: exposed.length === 0,
            seen: exposed,
          },
        ],
        'Serve static files from a folder without other files. Replace every secret that was served.',
      );
    },
  },
  {
    name: 'exposure.operations',
    title: 'Metrics and debug endpoints are not public',
    reference: 'OWASP ASVS 5.0 V13.4.5',
    requests: OPERATIONS.length,
    run: async (context) => {
      const exposed = await findExposed(context, OPERATIONS);
      if (exposed.length === 0) return pass();
      return warn(
        { exposed },
        'Require a token, or serve them on a separate port that is not reachable from the internet.',
      );
    },
  },
  {
    name: 'exposure.graphql',
    title: 'GraphQL introspection is not public',
    reference: 'OWASP ASVS 5.0 V4.3.2',
    requests: 1,
    run: async ({ target }) => {
      const body = { query: '{ __schema { types { name } } }' };
      const { status, text } = await target.send('/graphql', { method: 'POST', body });
      if (status !== 200 || !text.includes('"__schema"')) return pass();
      return warn({ path: '/graphql' }, 'Turn introspection off in production (introspection: false).');
    },
  },
  {
    name: 'exposure.health-details',
    title: 'Public health responses show no versions, addresses or errors',
    reference: 'OWASP ASVS 5.0 V13.4.5, V13.4.6',
    requests: 4,
    run: async ({ target }) => {
      const paths = ['/health', '/healthz', '/health/ready', '/status'];
      const answers = await Promise.all(paths.map(async (path) => ({ path, ...(await target.get(path)) })));
      const details =
        /\b(?:ECONN\w+|ENOTFOUND|postgres(?:ql)?:\/\/|redis:\/\/|mongodb:\/\/|password|hostname|stack)\b|"version"\s*:|\b\d{1,3}(?:\.\d{1,3}){3}:\d+/i;
      return checkExpectations(
        answers.map(({ path, text }) => ({
          what: `${path} shows none`,
          met: !details.test(text),
          seen: details.exec(text)?.[0],
        })),
        'Show only the status in public, and details only to operators with a token.',
        'warn',
      );
    },
  },
];
