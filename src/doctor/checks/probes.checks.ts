import { judge, pass, warn } from '../../reports/index.js';
import type { DoctorCheck, Visit } from '../doctor.check.js';

const LIVE = ['/health/live', '/livez', '/healthz', '/health/liveness', '/health', '/live', '/ping'];
const READY = ['/health/ready', '/readyz', '/health/readiness', '/ready', '/readiness'];

async function firstOf({ target }: Visit, paths: string[]): Promise<string | undefined> {
  for (const path of paths) if ((await target.get(path)).status === 200) return path;
  return undefined;
}

function probe(name: string, title: string, paths: string[], remedy: string): DoctorCheck {
  return {
    name,
    title,
    reference: 'Kubernetes: liveness, readiness and startup probes',
    requests: paths.length,
    run: async (visit) => {
      const path = await firstOf(visit, paths);
      return path === undefined ? warn({ tried: paths }, remedy) : pass({ path });
    },
  };
}

export const probeChecks: DoctorCheck[] = [
  probe(
    'probes.live',
    'A liveness probe answers',
    LIVE,
    'Serve a probe that says whether the process works, and that asks no dependency.',
  ),
  probe(
    'probes.ready',
    'A readiness probe answers',
    READY,
    'Serve a probe that says whether requests should come here, and turn it off before shutdown.',
  ),
  {
    name: 'probes.burst',
    title: 'Probes answer twenty at once, and are not limited',
    reference: 'Kubernetes: probes come from every node and balancer',
    requests: 20 + LIVE.length,
    run: async (visit) => {
      const path = await firstOf(visit, LIVE);
      if (path === undefined) return warn({ tried: LIVE }, 'There is no probe.');
      const answers = await Promise.all(Array.from({ length: 20 }, () => visit.target.send(path, { patient: false })));
      const statuses = [...new Set(answers.map(({ status }) => status))];
      return judge(
        [
          {
            what: `${path} is answered 200 each time`,
            met: statuses.length === 1 && statuses[0] === 200,
            seen: statuses,
          },
        ],
        'Leave probes out of the limits: a limited probe restarts a healthy process.',
      );
    },
  },
];
