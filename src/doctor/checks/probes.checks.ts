import { checkExpectations, pass, warn } from '../../reports/index.js';
import type { DoctorCheck, CheckContext } from '../doctor.check.js';

const LIVE = ['/health/live', '/livez', '/healthz', '/health/liveness', '/health', '/live', '/ping'];
const READY = ['/health/ready', '/readyz', '/health/readiness', '/ready', '/readiness'];

type Probe = 'livenessPath' | 'readinessPath';

/** Paths of a probe: the one that the caller has named, or else the usual ones. */
function getProbePaths({ api }: CheckContext, probe: Probe): string[] {
  const named = api.namedPaths[probe];
  if (named !== undefined) return [named];
  return probe === 'livenessPath' ? LIVE : READY;
}

async function findProbe({ target }: CheckContext, paths: string[]): Promise<string | undefined> {
  for (const path of paths) if ((await target.get(path)).status === 200) return path;
  return undefined;
}

function createProbeCheck(name: string, title: string, probe: Probe, remedy: string): DoctorCheck {
  return {
    name,
    title,
    reference: 'Kubernetes: liveness, readiness and startup probes',
    requests: probe === 'livenessPath' ? LIVE.length : READY.length,
    run: async (context) => {
      const paths = getProbePaths(context, probe);
      const path = await findProbe(context, paths);
      return path === undefined ? warn({ tried: paths }, remedy) : pass({ path });
    },
  };
}

export const probeChecks: DoctorCheck[] = [
  createProbeCheck(
    'probes.live',
    'There is a liveness probe',
    'livenessPath',
    'Add a probe that reports whether the process works. It must not check dependencies.',
  ),
  createProbeCheck(
    'probes.ready',
    'There is a readiness probe',
    'readinessPath',
    'Add a probe that reports whether the process accepts requests. It must fail before a shutdown.',
  ),
  {
    name: 'probes.burst',
    title: 'Twenty parallel probes succeed and are not limited',
    reference: 'Kubernetes: probes come from every node and load balancer',
    requests: 20 + LIVE.length,
    run: async (context) => {
      const paths = getProbePaths(context, 'livenessPath');
      const path = await findProbe(context, paths);
      if (path === undefined) return warn({ tried: paths }, 'There is no probe.');
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => context.target.send(path, { retryWhenLimited: false })),
      );
      const statuses = [...new Set(answers.map(({ status }) => status))];
      return checkExpectations(
        [
          {
            what: `${path} returns 200 each time`,
            met: statuses.length === 1 && statuses[0] === 200,
            seen: statuses,
          },
        ],
        'Exclude probes from the rate limits. A limited probe restarts a healthy process.',
      );
    },
  },
];
