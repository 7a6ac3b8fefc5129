import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Answer, Order } from './protocol.js';

const STOP_TIMEOUT_MS = 10_000;

/** Whether processes can be pinned to a core. This needs Linux, taskset and two cores. */
export const canPin = availableParallelism() > 1 && [0, 1].every((core) => pinned(core, 'true').status === 0);

function pinned(core: number, command: string) {
  return spawnSync('taskset', ['-c', String(core), command]);
}

const running = new Set<Child>();

/** Stops every child that still runs. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((child) => child.stop()));
}

process.on('exit', () => running.forEach((child) => child.destroy()));

/** A child process with an IPC channel and its own temporary folder. It is pinned to a core if possible. */
export class Child {
  private readonly directory = mkdtempSync(join(tmpdir(), 'bench-'));
  private readonly stderrFile = join(this.directory, 'stderr.log');
  private readonly process: ChildProcess;
  private readonly exited: Promise<string>;

  constructor(
    readonly name: string,
    entry: URL,
    cores: number | string,
    env: Record<string, string> = {},
  ) {
    // An embedded PostgreSQL that runs as another user must be able to enter this folder.
    chmodSync(this.directory, 0o755);
    const stderr = openSync(this.stderrFile, 'w');
    const command = [...(canPin ? ['taskset', '-c', String(cores)] : []), process.execPath, fileURLToPath(entry)];
    this.process = spawn(command[0], command.slice(1), {
      // The caller's own variables (DATABASE_URL, NODE_OPTIONS, ...) must not change what is measured.
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        NODE_ENV: 'production',
        BENCH_DIR: this.directory,
        ...env,
      },
      stdio: ['ignore', 'ignore', stderr, 'ipc'],
      // Its own process group, so that destroy() also ends a database that the child started.
      detached: true,
    });
    closeSync(stderr);
    this.exited = new Promise((resolve) => {
      this.process.once('error', (error) => resolve(error.message));
      this.process.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    running.add(this);
  }

  async ask<T extends Answer['type']>(order: Order, type: T, timeoutMs: number): Promise<Extract<Answer, { type: T }>> {
    this.process.send(order, () => {}); // if the channel is closed, receive() reports the exit
    return this.receive(type, timeoutMs);
  }

  /** The next answer of the child. Fails if it has another type, if the child exits, or after the timeout. */
  async receive<T extends Answer['type']>(type: T, timeoutMs: number): Promise<Extract<Answer, { type: T }>> {
    const cancel = new AbortController();
    try {
      const message = await Promise.race([
        once(this.process, 'message', { signal: cancel.signal }).then(([received]: Answer[]) => received),
        this.exited.then((how) => this.fail(`ended early (${how})`)),
        sleep(timeoutMs, undefined, { signal: cancel.signal }).then(() =>
          this.fail(`gave no answer in ${timeoutMs} ms`),
        ),
      ]);
      if (message.type === 'failed') this.fail(message.reason);
      if (message.type !== type) this.fail(`answered '${message.type}' instead of '${type}'`);
      return message as Extract<Answer, { type: T }>;
    } finally {
      cancel.abort();
    }
  }

  /** Closes the channel, so that the child shuts down. The child also shuts down if the harness exits. */
  async stop(): Promise<void> {
    if (this.process.connected) this.process.disconnect();
    await Promise.race([this.exited, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
    this.destroy();
    await this.exited;
  }

  /** Kills the child and all processes that it started, immediately. */
  destroy(): void {
    if (!running.delete(this)) return;
    try {
      if (this.process.pid) process.kill(-this.process.pid, 'SIGKILL');
    } catch {
      // The process group has already ended.
    }
    rmSync(this.directory, { recursive: true, force: true });
  }

  private fail(what: string): never {
    const stderr = readFileSync(this.stderrFile, 'utf8').trim().split('\n').slice(-20).join('\n');
    throw new Error([`'${this.name}' ${what}`, stderr].filter(Boolean).join('\n'));
  }
}
