import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { findBinaries, runToEnd } from './binaries.js';

const LINUX = process.platform === 'linux';

/**
 * Returns a name for a running process. A later process with the same pid has another name. The name is a valid file
 * name. Returns undefined if no such process runs.
 */
export function processTag(pid: number): string | undefined {
  if (!isSignalable(pid)) return undefined;
  const started = LINUX ? linuxStart(pid) : otherStart(pid);
  return started === undefined ? undefined : `${pid}-${started.replace(/\W+/g, '_')}`;
}

export function tagIsAlive(tag: string): boolean {
  return processTag(Number.parseInt(tag, 10)) === tag;
}

/**
 * Whether the process is a PostgreSQL server of this cluster, and not another process with the same pid. Undefined if
 * the system cannot tell it (Windows).
 */
export function servesCluster(pid: number, clusterDir: string): boolean | undefined {
  if (process.platform === 'win32') return undefined;
  try {
    if (!LINUX)
      return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).includes(clusterDir);
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return command.includes(clusterDir) || readlinkSync(`/proc/${pid}/cwd`) === clusterDir;
  } catch {
    return false;
  }
}

/**
 * Ends a PostgreSQL server. `fast` closes connections and writes a checkpoint. `immediate` does not, so the next start
 * must recover. If the server does not end, it is killed. Returns whether the server has ended.
 */
export async function endProcess(tag: string, how: 'fast' | 'immediate'): Promise<boolean> {
  if (how === 'fast' && (await signalAndWait(tag, 'SIGINT', 10_000))) return true;
  return (await signalAndWait(tag, 'SIGQUIT', 5_000)) || signalAndWait(tag, 'SIGKILL', 5_000);
}

/** Asks a PostgreSQL server for a fast shutdown. On Windows the server ends at once, and recovers at its next start. */
export function requestEnd(tag: string): void {
  try {
    if (tagIsAlive(tag)) process.kill(Number.parseInt(tag, 10), 'SIGINT');
  } catch {
    // The server has ended in the meantime.
  }
}

async function signalAndWait(tag: string, signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL', waitMs: number): Promise<boolean> {
  const pid = Number.parseInt(tag, 10);
  const deadline = Date.now() + waitMs;
  if (tagIsAlive(tag)) await send(pid, signal);
  while (tagIsAlive(tag)) {
    if (Date.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}

async function send(pid: number, signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL'): Promise<void> {
  try {
    if (process.platform !== 'win32') process.kill(pid, signal);
    // Windows has no signals. PostgreSQL implements them with pg_ctl.
    else await runToEnd({ prefix: [] }, (await findBinaries()).pg_ctl, ['kill', signal.slice(3), String(pid)]);
  } catch {
    // The process has ended, or belongs to another user. The caller waits and finds out.
  }
}

function isSignalable(pid: number): boolean {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * The boot id and the start in clock ticks. A zombie counts as ended, because in a container it may never be reaped.
 */
function linuxStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The program name is in parentheses, and may contain spaces and parentheses.
    const [state = '', ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if ('ZX'.includes(state)) return undefined;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}-${fields[18]}`;
  } catch {
    return undefined;
  }
}

function otherStart(pid: number): string | undefined {
  if (process.platform === 'win32') return 'running';
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', env: { LC_ALL: 'C' } }).trim();
  } catch {
    return undefined;
  }
}
