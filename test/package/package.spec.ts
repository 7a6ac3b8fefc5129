import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const MANIFEST = JSON.parse(readFileSync('package.json', 'utf8')) as {
  name: string;
  version: string;
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional?: boolean }>;
  exports: Record<string, string>;
};

/** The packages of an empty Nest application, the peers of HealthModule, and the peers of ThrottlerModule. */
const NEST = ['@nestjs/common', '@nestjs/core', '@nestjs/platform-express', 'reflect-metadata', 'rxjs'];
const HEALTH_PEERS = ['@nestjs/terminus'];
const THROTTLER_PEERS = ['@nestjs/throttler'];

const INSTALL = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--strict-peer-deps', '--prefer-offline'];

const APPLICATION = `
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HealthModule } from 'nest-bulwark/health';

class AppModule {}
Module({ imports: [HealthModule.forRoot({})] })(AppModule);

const app = await NestFactory.create(AppModule, { logger: false });
await app.listen(0, '127.0.0.1');
const { port } = app.getHttpServer().address();
const answer = await fetch(\`http://127.0.0.1:\${port}/health/ready\`);
console.log(JSON.stringify({ status: answer.status, body: await answer.json() }));
await app.close();
`;

const THROTTLED = `
import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Throttle as stockThrottle } from '@nestjs/throttler';
import { Throttle, ThrottlerModule } from 'nest-bulwark/throttler';

class Cats {
  cats() {
    return 'cats';
  }
}
Get('cats')(Cats.prototype, 'cats', Object.getOwnPropertyDescriptor(Cats.prototype, 'cats'));
Throttle({ default: { limit: 1, ttl: 60_000 } })(Cats);
Controller()(Cats);
class AppModule {}
Module({ imports: [ThrottlerModule.forRoot()], controllers: [Cats] })(AppModule);

const app = await NestFactory.create(AppModule, { logger: false });
await app.listen(0, '127.0.0.1');
const { port } = app.getHttpServer().address();
const statuses = [];
for (let i = 0; i < 2; i++) statuses.push((await fetch(\`http://127.0.0.1:\${port}/cats\`)).status);
console.log(JSON.stringify({ isSame: Throttle === stockThrottle, statuses }));
await app.close();
`;

/** A task of the application's own, which ends the application when it has run twice. */
const WITH_TASK = `
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { PeriodicTask, PeriodicTasks, PeriodicTasksModule } from 'nest-bulwark/periodic-tasks';

let runs = 0;
let hasRunTwice;
const ranTwice = new Promise((resolve) => (hasRunTwice = resolve));
class Reports {
  send(signal) {
    if (++runs === 2) hasRunTwice(signal instanceof AbortSignal);
  }
}
const task = PeriodicTask({ everyMs: 10, scope: 'replica', name: 'reports' });
task(Reports.prototype, 'send', Object.getOwnPropertyDescriptor(Reports.prototype, 'send'));
class AppModule {}
Module({ imports: [PeriodicTasksModule.forRoot()], providers: [Reports] })(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
// The timers of tasks do not keep a process alive.
const alive = setInterval(() => undefined, 1_000);
const hasSignal = await ranTwice;
clearInterval(alive);
await app.close();
const names = app.get(PeriodicTasks).records.map(({ name }) => name);
console.log(JSON.stringify({ hasSignal, names }));
`;

/** Entries that need no optional peer. README.md names the packages that the others need. */
const ENTRIES_WITHOUT_PEERS = [
  'authorization',
  'config',
  'context',
  'conventions',
  'doctor',
  'guards',
  'idempotency',
  'periodic-tasks',
  'ports',
  'problem',
  'reports',
  'shutdown',
];

const TYPED = `
import { HealthModule, HealthCheckOf, type HealthContributor } from 'nest-bulwark/health';
import { loadConfig, AppConfig } from 'nest-bulwark/config';
import { PeriodicTask } from 'nest-bulwark/periodic-tasks';
import { ProblemException } from 'nest-bulwark/problem';

export class Reports {
  @PeriodicTask({ everyMs: 60_000, scope: 'cluster' })
  async send(signal: AbortSignal): Promise<boolean> {
    return signal.aborted;
  }
}
@HealthCheckOf({ key: 'payments', critical: false })
export class Payments implements HealthContributor {
  check(): void {}
}
export const imports = [HealthModule.forRoot({ groups: { ready: ['payments'] } })];
export const config: AppConfig = loadConfig({}).config;
export const problem = new ProblemException('NOT_FOUND', 'gone');
`;

describe('the packed library in a fresh application', () => {
  let folder: string;
  let files: string[];
  const inFolder = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const installed = (name: string) => {
    const { version } = JSON.parse(readFileSync(join('node_modules', name, 'package.json'), 'utf8')) as {
      version: string;
    };
    return `${name}@${version}`;
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'bulwark-package-'));
    // The build already exists. Packing must not rebuild it, because other test files use it at the same time.
    const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [{ filename, files: list }] = JSON.parse(packed) as [{ filename: string; files: { path: string }[] }];
    files = list.map(({ path }) => path);
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'fresh', private: true, type: 'module' }));
    inFolder('npm', ...INSTALL, join(folder, filename), ...[...NEST, ...HEALTH_PEERS, '@types/node'].map(installed));
  }, 600_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('does not install typeorm, pg, bcrypt or any other optional peer', () => {
    const optional = Object.keys(MANIFEST.peerDependenciesMeta).filter(
      (name) => ![...NEST, ...HEALTH_PEERS].includes(name),
    );
    expect(optional).toContain('typeorm');
    expect(optional.filter((name) => existsSync(join(folder, 'node_modules', name)))).toEqual([]);
  });

  it('serves the health probes with HealthModule as the only module', () => {
    writeFileSync(join(folder, 'app.mjs'), APPLICATION);
    const { status, body } = JSON.parse(inFolder(process.execPath, 'app.mjs')) as {
      status: number;
      body: { status: string };
    };
    expect(status).toBe(200);
    expect(body.status).toBe('ok');
  });

  it('runs a periodic task with PeriodicTasksModule as the only module', () => {
    writeFileSync(join(folder, 'task.mjs'), WITH_TASK);
    const result: unknown = JSON.parse(inFolder(process.execPath, 'task.mjs'));
    expect(result).toEqual({ hasSignal: true, names: ['reports'] });
  });

  it('loads by require() in a CommonJS application', () => {
    writeFileSync(join(folder, 'app.cjs'), `console.log(typeof require('nest-bulwark/health').HealthModule.forRoot)`);
    expect(inFolder(process.execPath, '--no-warnings', 'app.cjs').trim()).toBe('function');
  });

  it('loads the entries that need no optional peer', () => {
    const load = `
      for (const entry of process.argv.slice(2)) {
        await import('nest-bulwark/' + entry).catch(({ message }) => console.log(entry + ': ' + message));
      }`;
    writeFileSync(join(folder, 'load.mjs'), load);
    expect(inFolder(process.execPath, 'load.mjs', ...ENTRIES_WITHOUT_PEERS)).toBe('');
  });

  it('limits routes with ThrottlerModule alone, and names @nestjs/throttler if it is missing', () => {
    writeFileSync(join(folder, 'throttled.mjs'), THROTTLED.replace(/^.*stockThrottle }.*$/m, ''));
    expect(() => inFolder(process.execPath, 'throttled.mjs')).toThrow(/Cannot find package '@nestjs\/throttler'/);
    writeFileSync(join(folder, 'throttled.mjs'), THROTTLED);
    inFolder('npm', ...INSTALL, ...THROTTLER_PEERS.map(installed));
    const result: unknown = JSON.parse(inFolder(process.execPath, 'throttled.mjs'));
    expect(result).toEqual({ isSame: true, statuses: [200, 429] });
  });

  it('has types that need no optional peer', () => {
    writeFileSync(join(folder, 'typed.ts'), TYPED);
    const options = [
      '--module',
      'nodenext',
      '--strict',
      '--noEmit',
      '--target',
      'es2023',
      '--experimentalDecorators',
      '--types',
      'node',
    ];
    const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
    expect(() => inFolder(process.execPath, tsc, ...options, 'typed.ts')).not.toThrow();
  });

  it('contains only the needed files', () => {
    expect(files).toContain('dist/index.js');
    expect(files).toContain('dist/health/index.d.ts');
    expect(files).toContain('LICENSE');
    expect(files.filter((file) => /\.spec\.|^src\/|^test\/|\.env/.test(file))).toEqual([]);
  });

  it('has a file for every entry of its exports', () => {
    const targets = Object.values(MANIFEST.exports).map((target) => target.replace('./', ''));
    expect(targets.filter((target) => !files.includes(target))).toEqual([]);
  });
});
