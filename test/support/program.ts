import { spawn, type ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';
import { until } from './until.js';

/** A start takes one or two seconds, and much longer on a busy machine. */
const PATIENCE_MS = 180_000;

/** A program in its own process, started as a user would start it. */
export class Program {
  output = '';
  exitCode: number | undefined;
  /** The signal that ended the process, if it did not exit by itself. */
  signal: NodeJS.Signals | undefined;
  private readonly child: ChildProcess;

  /**
   * Runs a script with only the given environment variables.
   *
   * @param script a script of `dist/` with its arguments, such as `cli/main.js migrate`, or an absolute path
   */
  constructor(script: string, env: Record<string, string>, cwd = process.cwd(), args: string[] = []) {
    const { PATH = '', HOME = '' } = process.env;
    const [file = '', ...words] = script.split(' ');
    const command = [resolve('dist', file), ...words, ...args];
    this.child = spawn(process.execPath, command, { cwd, env: { PATH, HOME, ...env } });
    const collect = (chunk: Buffer) => void (this.output += chunk.toString());
    this.child.stdout?.on('data', collect);
    this.child.stderr?.on('data', collect);
    this.child.on('close', (code, signal) => {
      this.exitCode = code ?? -1;
      this.signal = signal ?? undefined;
    });
  }

  /** Writes to standard input, and closes it. */
  reads(text: string): this {
    this.child.stdin?.end(text);
    return this;
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  says(text: string | RegExp, withinMs = PATIENCE_MS): Promise<void> {
    const matches = () => (typeof text === 'string' ? this.output.includes(text) : text.test(this.output));
    return until(`the program says ${text}; it said:\n${this.output}`, () => matches() || this.exitCode !== undefined, {
      withinMs,
    }).then(() => {
      if (!matches())
        throw new Error(`The program ended with ${this.exitCode} and never said ${text}:\n${this.output}`);
    });
  }

  async ends(withinMs = PATIENCE_MS): Promise<number> {
    await until('the program ends', () => this.exitCode !== undefined, { withinMs });
    return this.exitCode ?? -1;
  }

  kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    this.child.kill(signal);
  }
}
