import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { url as inspectorUrl } from 'node:inspector';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import type { Rule } from './rule.js';

/** What can be seen of the process and its machine. Sizes are bytes; undefined where a system does not tell. */
export interface RuntimeFacts {
  nodeVersion: string;
  now: Date;
  heapLimitBytes: number;
  /** Of the container or service, by its control group. */
  memoryLimitBytes: number | undefined;
  rssBytes: number;
  openFilesLimit: number | undefined;
  disk: { freeBytes: number; totalBytes: number } | undefined;
  userId: number | undefined;
  inspectorUrl: string | undefined;
  checksCertificates: boolean;
  eventLoopDelayMs: number;
  stopsOnSignals: boolean;
}

/** Ends of life of the release lines, as the Node.js release schedule gives them. */
const NODE_END_OF_LIFE: Record<string, string> = {
  '18': '2025-04-30',
  '20': '2026-04-30',
  '22': '2027-04-30',
  '24': '2028-04-30',
};

const MB = 1024 * 1024;
const GB = 1024 * MB;

const endOfLifeOf = ({ nodeVersion }: RuntimeFacts) => NODE_END_OF_LIFE[/^v?(\d+)/.exec(nodeVersion)?.[1] ?? ''];

export const RUNTIME_RULES: readonly Rule<RuntimeFacts>[] = [
  {
    name: 'runtime.node-version',
    title: 'This line of Node gets security fixes',
    reference: 'Node.js release schedule; OWASP ASVS 5.0 V15.2.1',
    remedy: 'Move to an even-numbered line that is in maintenance or active.',
    otherwise: 'warn',
    holds: (facts) => {
      const end = endOfLifeOf(facts);
      return end === undefined ? `the end of ${facts.nodeVersion} is not known here` : facts.now < new Date(end);
    },
    seen: (facts) => ({ version: facts.nodeVersion, endOfLife: endOfLifeOf(facts) }),
  },
  {
    name: 'runtime.heap-limit',
    title: 'The heap fits into the memory that the process may use',
    reference: 'Node.js: --max-old-space-size',
    remedy:
      'Set NODE_OPTIONS=--max-old-space-size to three quarters of the memory limit, or the kernel ends the process first.',
    holds: ({ heapLimitBytes, memoryLimitBytes }) =>
      memoryLimitBytes === undefined ? 'no memory limit is set' : heapLimitBytes <= 0.9 * memoryLimitBytes,
    seen: ({ heapLimitBytes, memoryLimitBytes }) => ({ heapLimitBytes, memoryLimitBytes }),
  },
  {
    name: 'runtime.memory',
    title: 'Memory is left',
    reference: 'OWASP ASVS 5.0 V13.1.3',
    remedy: 'Look for growth in process_resident_memory_bytes, or raise the limit.',
    holds: ({ rssBytes, memoryLimitBytes }) =>
      memoryLimitBytes === undefined ? 'no memory limit is set' : rssBytes <= 0.9 * memoryLimitBytes,
    seen: ({ rssBytes, memoryLimitBytes }) => ({ rssBytes, memoryLimitBytes }),
  },
  {
    name: 'runtime.open-files',
    title: 'The process may hold 4,096 files and connections open',
    reference: 'getrlimit(2), RLIMIT_NOFILE',
    remedy: 'Raise the limit of open files (ulimit -n, LimitNOFILE, ulimits of the container).',
    holds: ({ openFilesLimit }) =>
      openFilesLimit === undefined ? 'this system does not tell' : openFilesLimit >= 4_096,
    seen: ({ openFilesLimit }) => openFilesLimit,
  },
  {
    name: 'runtime.disk',
    title: 'A gigabyte and a twentieth of the disk are free',
    reference: 'OWASP ASVS 5.0 V13.1.3',
    remedy: 'Free some of the disk that holds DATA_DIR: the journal of audit events is there.',
    holds: ({ disk }) =>
      !disk ? 'this system does not tell' : disk.freeBytes >= GB && disk.freeBytes >= disk.totalBytes / 20,
    seen: ({ disk }) => disk,
  },
  {
    name: 'runtime.user',
    title: 'The process does not run as root',
    reference: 'OWASP ASVS 5.0 V13.2.2; CIS Docker Benchmark 4.1',
    remedy: 'Run it as a user of its own (USER in the Dockerfile).',
    otherwise: 'warn',
    holds: ({ userId }) => (userId === undefined ? 'this system has no user ids' : userId !== 0),
    seen: ({ userId }) => userId,
  },
  {
    name: 'runtime.inspector',
    title: 'No debugger is listening',
    reference: 'OWASP ASVS 5.0 V13.4.2',
    remedy: 'Remove --inspect: whoever reaches that port runs code here.',
    holds: ({ inspectorUrl: open }) => open === undefined,
    seen: ({ inspectorUrl: open }) => (open === undefined ? 'none' : 'open'),
  },
  {
    name: 'runtime.certificates',
    title: 'Certificates of other servers are checked',
    reference: 'OWASP ASVS 5.0 V12.3.2',
    remedy: 'Unset NODE_TLS_REJECT_UNAUTHORIZED, and name the authority in NODE_EXTRA_CA_CERTS.',
    holds: ({ checksCertificates }) => checksCertificates,
  },
  {
    name: 'runtime.event-loop',
    title: 'The event loop turns within 100 ms',
    reference: 'Node.js: perf_hooks.monitorEventLoopDelay',
    remedy: 'Look for synchronous work in a CPU profile, or add replicas.',
    otherwise: 'warn',
    holds: ({ eventLoopDelayMs }) => eventLoopDelayMs < 100,
    seen: ({ eventLoopDelayMs }) => `${eventLoopDelayMs.toFixed(1)} ms`,
  },
  {
    name: 'shutdown.signals',
    title: 'SIGTERM starts the graceful shutdown',
    reference: 'Kubernetes: termination of pods',
    remedy: 'Start the application by main.ts, or call shutDownOnSignals().',
    otherwise: 'warn',
    holds: ({ stopsOnSignals }) => stopsOnSignals,
  },
];

const LOOP_LOOK_MS = 100;

/** @param dataDir folder whose disk is looked at */
export async function runtimeFacts(dataDir: string, checksCertificates: boolean): Promise<RuntimeFacts> {
  const loop = monitorEventLoopDelay({ resolution: 10 });
  loop.enable();
  await sleep(LOOP_LOOK_MS);
  loop.disable();
  const disk = await statfs(dataDir).catch(() => statfs('.').catch(() => undefined));
  return {
    nodeVersion: process.version,
    now: new Date(),
    heapLimitBytes: getHeapStatistics().heap_size_limit,
    memoryLimitBytes: memoryLimit(),
    rssBytes: process.memoryUsage.rss(),
    openFilesLimit: openFilesLimit(),
    disk: disk && { freeBytes: disk.bavail * disk.bsize, totalBytes: disk.blocks * disk.bsize },
    userId: process.getuid?.(),
    inspectorUrl: inspectorUrl(),
    checksCertificates,
    eventLoopDelayMs: loop.max / 1e6,
    stopsOnSignals: process.listenerCount('SIGTERM') > 0,
  };
}

/** Version 2 of control groups first, then version 1, where "no limit" is a number near 2^63. */
function memoryLimit(): number | undefined {
  for (const file of ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes']) {
    const limit = Number(contentOf(file));
    if (limit > 0 && limit < 2 ** 60) return limit;
  }
  return undefined;
}

function openFilesLimit(): number | undefined {
  const line = /^Max open files\s+(\d+|unlimited)/m.exec(contentOf('/proc/self/limits') ?? '');
  return line?.[1] === undefined ? undefined : line[1] === 'unlimited' ? Infinity : Number(line[1]);
}

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}
