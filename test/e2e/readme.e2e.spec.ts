import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onBothAdapters, TestApp } from '../support/harness.js';
import { ownDatabase } from '../support/database.js';

const run = promisify(execFile);

interface Step {
  command: string;
  output: string;
}

/** The commands of the README's console blocks, each with the output below it. */
function steps(): Step[] {
  const blocks = [...readFileSync('README.md', 'utf8').matchAll(/```console\n(.*?)```/gs)];
  return blocks
    .flatMap(([, text = '']) => text.split(/^\$ /m).slice(1))
    .map((entry) => {
      const [command = '', ...output] = entry.trimEnd().split('\n');
      return { command, output: output.join('\n') };
    });
}

/** `…` matches any text. */
function pattern(output: string): RegExp {
  const parts = output.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^]*?')}$`);
}

describe('the README', () => {
  it('shows a command for each of the main routes', () => {
    const commands = steps().map(({ command }) => command);
    for (const path of [
      '/health/live',
      '/health/ready',
      'rate-limit',
      'register',
      'login',
      'protected',
      'all-features',
    ]) {
      expect(commands.join('\n')).toContain(path);
    }
  });
});

onBothAdapters('the commands of the README', (adapter) => {
  let app: TestApp;
  beforeAll(async () => {
    app = await TestApp.start({
      HTTP_ADAPTER: adapter,
      NODE_ENV: 'development',
      DATABASE_URL: await ownDatabase(),
      THROTTLE_DEFAULT_LIMIT: '100',
      THROTTLE_AUTH_LIMIT: '10',
    });
  });
  afterAll(() => app.stop());

  it('print the output that the README shows', async () => {
    const port = new URL(app.baseUrl).port;
    // One shell runs all commands, because a later command uses the TOKEN of an earlier one.
    const script = steps()
      .map(({ command }) => `${command.replaceAll('localhost:3000', `127.0.0.1:${port}`)}\nprintf '\\n%%%%%%\\n'`)
      .join('\n');
    const { stdout } = await run('bash', ['-c', script.replaceAll('curl ', 'curl -s ')]);
    const outputs = stdout.split('%%%\n').map((output) => output.trimEnd());
    for (const [index, step] of steps().entries()) {
      expect(`${step.command}\n${outputs[index]}`).toMatch(pattern(`${step.command}\n${step.output}`));
    }
  });
});
