import { createRequire } from 'node:module';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MODULE_PEERS } from '../../src/common/index.js';
import { Consumer, installedVersion } from '../support/consumer.js';
import { freshDatabase } from '../support/database.js';
import { isLongRun } from '../support/long-form.js';
import { staticImportsOf } from '../support/static-imports.js';

const MANIFEST = JSON.parse(readFileSync('package.json', 'utf8')) as {
  name: string;
  version: string;
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional?: boolean }>;
  exports: Record<string, string>;
};

/** The packages of an empty Nest application. */
const NEST = ['@nestjs/common', '@nestjs/core', '@nestjs/platform-express', 'reflect-metadata', 'rxjs'];

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
const ENTRIES_WITHOUT_PEERS = Object.keys(MODULE_PEERS).filter((name) => MODULE_PEERS[name]?.needs.length === 0);

/** One in the short form. The long form has all. */
const PEERS_TO_INSTALL = isLongRun() ? Object.keys(MODULE_PEERS) : ['security'];

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

/** The settings of a strict consumer, who also checks the types of packages. */
const STRICT = [
  ['--strict', '--noEmit', '--experimentalDecorators'],
  ['--module', 'nodenext'],
  ['--skipLibCheck', 'false'],
  ['--target', 'es2023'],
  ['--types', 'node'],
].flat();

describe('the packed library in a fresh application', () => {
  let consumer: Consumer;
  const isInstalled = (name: string) => existsSync(join(consumer.folder, 'node_modules', name));

  beforeAll(() => {
    consumer = new Consumer({ manifest: { type: 'module' } });
    consumer.install(consumer.archive, ...[...NEST, '@types/node'].map(installedVersion));
  });
  afterAll(() => consumer.remove());

  it('does not install typeorm, pg, bcrypt or any other optional peer', () => {
    const optional = Object.keys(MANIFEST.peerDependenciesMeta).filter((name) => !NEST.includes(name));
    expect(optional).toContain('typeorm');
    expect(optional.filter(isInstalled)).toEqual([]);
  });

  it('loads the entries that need no optional peer', () => {
    const load = `
      for (const entry of process.argv.slice(2)) {
        await import('nest-bulwark/' + entry).catch(({ message }) => console.log(entry + ': ' + message));
      }`;
    consumer.write('load.mjs', load);
    expect(consumer.run(process.execPath, ['load.mjs', ...ENTRIES_WITHOUT_PEERS])).toBe('');
  });

  it('serves the health probes with HealthModule as the only module, after the line of `nest-bulwark peers health`', () => {
    const line = consumer.bulwark('peers', 'health').trim();
    expect(line).toMatch(/^npm install "@nestjs\/terminus@\^12[^ ]*"$/);
    consumer.runLine(line);
    consumer.write('app.mjs', APPLICATION);
    const { status, body } = JSON.parse(consumer.run(process.execPath, ['app.mjs'])) as {
      status: number;
      body: { status: string };
    };
    expect(status).toBe(200);
    expect(body.status).toBe('ok');
  });

  it('runs a periodic task with PeriodicTasksModule as the only module', () => {
    consumer.write('task.mjs', WITH_TASK);
    const result: unknown = JSON.parse(consumer.run(process.execPath, ['task.mjs']));
    expect(result).toEqual({ hasSignal: true, names: ['reports'] });
  });

  it('loads by require() in a CommonJS application', () => {
    consumer.write('app.cjs', `console.log(typeof require('nest-bulwark/health').HealthModule.forRoot)`);
    expect(consumer.run(process.execPath, ['--no-warnings', 'app.cjs']).trim()).toBe('function');
  });

  it('limits routes with ThrottlerModule alone, and names @nestjs/throttler if it is missing', () => {
    consumer.write('throttled.mjs', THROTTLED.replace(/^.*stockThrottle }.*$/m, ''));
    expect(() => consumer.run(process.execPath, ['throttled.mjs'])).toThrow(/Cannot find package '@nestjs\/throttler'/);
    consumer.write('throttled.mjs', THROTTLED);
    consumer.runLine(consumer.bulwark('peers', 'throttler'));
    const result: unknown = JSON.parse(consumer.run(process.execPath, ['throttled.mjs']));
    expect(result).toEqual({ isSame: true, statuses: [200, 429] });
  });

  it.for(PEERS_TO_INSTALL)('starts %s after its line of `nest-bulwark peers`', { tags: 'long' }, async (name) => {
    const env = { DATABASE_URL: await freshDatabase(), NODE_ENV: 'test', HTTP_ADAPTER: 'express', PORT: '0' };
    consumer.inCopy(() => {
      consumer.runLine(consumer.bulwark('peers', name));
      consumer.write('one-module.mjs', readFileSync('test/package/fixture/one-module.mjs', 'utf8'));
      expect(consumer.run(process.execPath, ['one-module.mjs', name], env)).toMatch(/^status \d+$/m);
    });
  });

  it('has types that need no optional peer', () => {
    consumer.write('typed.ts', TYPED);
    const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
    expect(consumer.run(process.execPath, [tsc, ...STRICT, 'typed.ts'])).toBe('');
  });

  it('has a file for every entry of its exports', () => {
    const targets = Object.values(MANIFEST.exports).map((target) => target.replace('./', ''));
    expect(targets.filter((target) => !consumer.packedFiles.includes(target))).toEqual([]);
  });
});

describe('the list of peers', () => {
  it.each(Object.keys(MODULE_PEERS))('names the packages that the entry %s loads at once', (name) => {
    const target = MANIFEST.exports[name === 'all' ? '.' : `./${name}`] ?? '';
    const loaded = [...staticImportsOf(target.replace('./', '')).keys()];
    const optional = loaded.filter((loadedPackage) => loadedPackage in MANIFEST.peerDependenciesMeta);
    expect(optional.filter((loadedPackage) => !MODULE_PEERS[name]?.needs.includes(loadedPackage))).toEqual([]);
  });
});
