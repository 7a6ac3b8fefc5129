import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { url as inspectorUrl } from 'node:inspector';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import type { Rule } from './rule.js';

/** Facts about the process and its machine. Sizes are in bytes. A fact is undefined if the system does not report it. */
export interface RuntimeFacts {
  nodeVersion: string;
  now: Date;
  heapLimitBytes: number;
  /** Memory limit of the container or service, from its control group. */
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

/** End of life of the release lines, from the Node.js release schedule. */
const NODE_END_OF_LIFE: Record<string, string> = {
  '18': '2025-04-30',
  '20': '2026-04-30',
  '22': '2027-04-30',
  '24': '2028-04-30',
};

const MB = 1024 * 1024;
const GB = 1024 * MB;

const getEndOfLife = ({ nodeVersion }: RuntimeFacts) => NODE_END_OF_LIFE[/^v?(\d+)/.exec(nodeVersion)?.[1] ?? ''];

export const RUNTIME_RULES: readonly Rule<RuntimeFacts>[] = [
  {
    name: 'runtime.node-version',
    title: 'This release line of Node still gets security fixes',
    reference: 'Node.js release schedule; OWASP ASVS 5.0 V15.2.1',
    remedy: 'Upgrade to an even-numbered release line that is active or in maintenance.',
    otherwise: 'warn',
    holds: (facts) => {
      const end = getEndOfLife(facts);
      return end === undefined ? `the end of life of ${facts.nodeVersion} is unknown` : facts.now < new Date(end);
    },
    seen: (facts) => ({ version: facts.nodeVersion, endOfLife: getEndOfLife(facts) }),
  },
  {
    name: 'runtime.heap-limit',
    title: 'The heap limit is below the memory limit of the process',
    reference: 'Node.js: --max-old-space-size',
    remedy:
      'Set NODE_OPTIONS=--max-old-space-size to three quarters of the memory limit. Otherwise the kernel may end the process.',
    holds: ({ heapLimitBytes, memoryLimitBytes }) =>
      memoryLimitBytes === undefined ? 'no memory limit is set' : heapLimitBytes <= 0.9 * memoryLimitBytes,
    seen: ({ heapLimitBytes, memoryLimitBytes }) => ({ heapLimitBytes, memoryLimitBytes }),
  },
  {
    name: 'runtime.memory',
    title: 'At least 10 % of the memory limit is free',
    reference: 'OWASP ASVS 5.0 V13.1.3',
    remedy: 'Check whether process_resident_memory_bytes grows, or raise the limit.',
    holds: ({ rssBytes, memoryLimitBytes }) =>
      memoryLimitBytes === undefined ? 'no memory limit is set' : rssBytes <= 0.9 * memoryLimitBytes,
    seen: ({ rssBytes, memoryLimitBytes }) => ({ rssBytes, memoryLimitBytes }),
  },
  {
    name: 'runtime.open-files',
    title: 'The process can open at least 4,096 files and connections',
    reference: 'getrlimit(2), RLIMIT_NOFILE',
    remedy: 'Raise the limit of open files (ulimit -n, LimitNOFILE, ulimits of the container).',
    holds: ({ openFilesLimit }) =>
      openFilesLimit === undefined ? 'this system does not report the limit' : openFilesLimit >= 4_096,
    seen: ({ openFilesLimit }) => openFilesLimit,
  },
  {
    name: 'runtime.disk',
    title: 'At least 1 GB and 5 % of the disk are free',
    reference: 'OWASP ASVS 5.0 V13.1.3',
    remedy: 'Free space on the disk of the data folder. The journal of audit events may be there.',
    variables: ['DATA_DIR'],
    holds: ({ disk }) =>
      !disk ? 'this system does not report free space' : disk.freeBytes >= GB && disk.freeBytes >= disk.totalBytes / 20,
    seen: ({ disk }) => disk,
  },
  {
    name: 'runtime.user',
    title: 'The process does not run as root',
    reference: 'OWASP ASVS 5.0 V13.2.2; CIS Docker Benchmark 4.1',
    remedy: 'Run the process as a separate user (USER in the Dockerfile).',
    otherwise: 'warn',
    holds: ({ userId }) => (userId === undefined ? 'this system has no user ids' : userId !== 0),
    seen: ({ userId }) => userId,
  },
  {
    name: 'runtime.inspector',
    title: 'No debugger is listening',
    reference: 'OWASP ASVS 5.0 V13.4.2',
    remedy: 'Remove --inspect. Everybody who can connect to its port can run code in the process.',
    holds: ({ inspectorUrl: open }) => open === undefined,
    seen: ({ inspectorUrl: open }) => (open === undefined ? 'none' : 'open'),
  },
  {
    name: 'runtime.certificates',
    title: 'Certificates of other servers are verified',
    reference: 'OWASP ASVS 5.0 V12.3.2',
    remedy: 'Unset NODE_TLS_REJECT_UNAUTHORIZED, and set NODE_EXTRA_CA_CERTS to the certificate of the authority.',
    holds: ({ checksCertificates }) => checksCertificates,
  },
  {
    name: 'runtime.event-loop',
    title: 'The event loop delay is below 100 ms',
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
    remedy: 'Call hardenApp(app) in main.ts, or shutDownOnSignals().',
    otherwise: 'warn',
    holds: ({ stopsOnSignals }) => stopsOnSignals,
  },
];

const EVENT_LOOP_SAMPLE_MS = 100;

/** @param dataDir folder whose disk is checked */
export async function readRuntimeFacts(dataDir: string, checksCertificates: boolean): Promise<RuntimeFacts> {
  const loop = monitorEventLoopDelay({ resolution: 10 });
  loop.enable();
  await sleep(EVENT_LOOP_SAMPLE_MS);
  loop.disable();
  const disk = await statfs(dataDir).catch(() => statfs('.').catch(() => undefined));
  return {
    nodeVersion: process.version,
    now: new Date(),
    heapLimitBytes: getHeapStatistics().heap_size_limit,
    memoryLimitBytes: readMemoryLimitBytes(),
    rssBytes: process.memoryUsage.rss(),
    openFilesLimit: readOpenFilesLimit(),
    disk: disk && { freeBytes: disk.bavail * disk.bsize, totalBytes: disk.blocks * disk.bsize },
    userId: process.getuid?.(),
    inspectorUrl: inspectorUrl(),
    checksCertificates,
    eventLoopDelayMs: loop.max / 1e6,
    stopsOnSignals: process.listenerCount('SIGTERM') > 0,
  };
}

/** Reads control groups version 2, then version 1. In version 1, "no limit" is a number near 2^63. */
function readMemoryLimitBytes(): number | undefined {
  for (const file of ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes']) {
    const limit = Number(readTextFile(file));
    if (limit > 0 && limit < 2 ** 60) return limit;
  }
  return undefined;
}

function readOpenFilesLimit(): number | undefined {
  const line = /^Max open files\s+(\d+|unlimited)/m.exec(readTextFile('/proc/self/limits') ?? '');
  return line?.[1] === undefined ? undefined : line[1] === 'unlimited' ? Infinity : Number(line[1]);
}

function readTextFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}
