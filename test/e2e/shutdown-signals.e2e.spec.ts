import { resolve } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { onBothAdapters } from '../support/harness.js';
import { freePort } from '../support/ports.js';
import { Program } from '../support/program.js';

const running: Program[] = [];
afterEach(async () => {
  for (const program of running.splice(0)) {
    program.kill('SIGKILL');
    await program.ends();
  }
});

onBothAdapters('a process with its own main.ts', (adapter) => {
  const start = async (mode: string, env: Record<string, string> = {}, says = 'listening') => {
    const port = env['PORT'] ?? String(await freePort());
    const script = resolve('test/fixtures/own-main.mjs');
    const program = new Program(script, { HTTP_ADAPTER: adapter, ...env, PORT: port }, process.cwd(), [mode]);
    running.push(program);
    await program.says(says);
    return { program, port, url: `http://127.0.0.1:${port}/work` };
  };

  /** Sends SIGTERM while a request is in flight. */
  const endDuringWork = async (mode: string, workMs: number) => {
    const { program, url } = await start(mode, { WORK_MS: String(workMs) });
    const answer = fetch(url).then(
      (response) => response.json(),
      () => 'cut',
    );
    await program.says('work has begun');
    program.kill();
    return { code: await program.ends(), signal: program.signal, output: program.output, answer: await answer };
  };

  it('ends by shutDownOnSignals() with exit code 0, after the request in flight', async () => {
    const { code, output, answer } = await endDuringWork('signals', 500);
    expect({ code, answer }).toEqual({ code: 0, answer: { work: 'done' } });
    expect(output).toContain('buffer written');
  });

  it('ends by shutDownOnSignals() with exit code 75 when work is lost', async () => {
    const { code, output, answer } = await endDuringWork('signals', 60_000);
    expect({ code, answer }).toEqual({ code: 75, answer: 'cut' });
    expect(output).toContain('buffer written');
  });

  it('ends by enableShutdownHooks() with the signal, after the request in flight and the participants', async () => {
    const { signal, output, answer } = await endDuringWork('hooks', 500);
    expect({ signal, answer }).toEqual({ signal: 'SIGTERM', answer: { work: 'done' } });
    expect(output).toContain('buffer written');
  });

  it('ends by enableShutdownHooks() with useProcessExit with exit code 0, also when work is lost', async () => {
    const { code, output, answer } = await endDuringWork('hooks-exit', 60_000);
    expect({ code, answer }).toEqual({ code: 0, answer: 'cut' });
    expect(output).toContain('buffer written');
  });

  it('ends with exit code 0 when it is stopped during its start', async () => {
    const { program } = await start('slow-start', {}, 'the start takes long');
    program.kill();
    expect(await program.ends()).toBe(0);
    expect(program.output).toContain('buffer written');
    expect(program.output).not.toContain('listening');
  });

  it('ends with exit code 71 and the cause when its port is in use', async () => {
    const { port } = await start('signals');
    const { program } = await start('signals', { PORT: port }, 'cannot start');
    expect(await program.ends()).toBe(71);
    expect(program.output).toContain(`Port ${port} is in use.`);
  });
});
