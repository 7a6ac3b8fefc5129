import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';

/** The process that owns a journal folder. */
export interface JournalOwner {
  readonly host: string;
  readonly pid: number;
  /** Start of the process in ticks since boot. It distinguishes the process from a later one with the same pid. */
  readonly startTicks: string;
}

export async function thisProcess(): Promise<JournalOwner> {
  return { host: hostname(), pid: process.pid, startTicks: await startTicksOf(process.pid) };
}

/**
 * Whether the process is alive. Undefined if it runs on another machine. In that case, only the heartbeat shows whether
 * it is alive.
 */
export async function isAlive(owner: JournalOwner): Promise<boolean | undefined> {
  if (owner.host !== hostname()) return undefined;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return (await startTicksOf(owner.pid)) === owner.startTicks;
}

/** Field 22 of `/proc/<pid>/stat` (proc(5)). Empty on systems without /proc, where only the pid is compared. */
async function startTicksOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
