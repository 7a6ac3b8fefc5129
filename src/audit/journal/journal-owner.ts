import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';

/** Which process a journal folder belongs to. */
export interface JournalOwner {
  readonly host: string;
  readonly pid: number;
  /** Start of the process in ticks since boot; it tells a process from a later one of the same number. */
  readonly startTicks: string;
}

export async function thisProcess(): Promise<JournalOwner> {
  return { host: hostname(), pid: process.pid, startTicks: await startTicksOf(process.pid) };
}

/**
 * Whether a process of this machine is still there; undefined for one of another machine, of which only its heartbeat
 * tells.
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

/** Field 22 of proc(5)'s stat; empty on systems that have no /proc, where the number of the process has to do. */
async function startTicksOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
