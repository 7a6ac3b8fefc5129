import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collectPeers, createInstallLine, MODULE_PEERS } from '../../src/common/index.js';
import { freshDatabase } from '../support/database.js';
import { Consumer } from '../support/consumer.js';

/** What `nest new` of version 11 installs and this test uses. */
const NEST = [
  '@nestjs/common@^11.1.0',
  '@nestjs/core@^11.1.0',
  '@nestjs/platform-express@^11.1.0',
  '@nestjs/platform-fastify@^11.1.0',
  '@nestjs/testing@^11.1.0',
  '@types/jest@^30.0.0',
  '@types/node@^24.0.0',
  'jest@^30.0.0',
  'reflect-metadata@^0.2.2',
  'rxjs@^7.8.1',
  'ts-jest@^29.2.5',
  'typescript@^5.7.3',
];

/** What each module answers to the requests of the fixture. */
const STATUSES = {
  health: [200],
  throttler: [200, 429],
  security: [403],
  observability: [200],
  shutdown: [200],
  management: [200],
  redis: [200],
  cache: [200],
  conventions: [200],
  idempotency: [200],
  authorization: [200],
  'periodic-tasks': [200],
  database: [200],
  audit: [200],
  auth: [200, 401, 200, 201],
  tenants: [200, 401],
  'api-keys': [200, 401],
};

const WHOLE_SUITE = `
const { createApp } = require('nest-bulwark');
(async () => {
  const { app, listen } = await createApp({ env: { ...process.env, LOG_LEVEL: 'fatal' } });
  const { port } = await listen();
  const statuses = [];
  for (const path of ['/health/ready', '/docs/openapi.json', '/production-test/headers', '/auth/profile']) {
    statuses.push((await fetch('http://127.0.0.1:' + port + path)).status);
  }
  await app.close();
  process.stdout.write(JSON.stringify(statuses), () => process.exit(0));
})();
`;

describe('an application on Nest 11, in CommonJS as `nest new` writes it', () => {
  let consumer: Consumer;

  beforeAll(() => {
    consumer = new Consumer({ fixture: 'test/package/fixture/nest-11' });
    const packages = [...new Set([...collectPeers(['all'], 'express').packages, '@fastify/compress'])];
    // One installation, with the packages of all modules in the versions for Nest 11.
    const quoted = NEST.map((specifier) => `"${specifier}"`).join(' ');
    consumer.runLine(`${createInstallLine(packages, { nestMajor: 11 })} ${quoted} "${consumer.archive}"`);
  });
  afterAll(() => consumer.remove());

  it('compiles with strict settings and with the types of all packages checked', () => {
    expect(consumer.runInstalled('typescript/bin/tsc')).toBe('');
  });

  it.each([
    ['esnext', 'bundler'],
    ['commonjs', 'node10'],
  ])('has types for all entries, in modules of %s with the resolution of %s', (module, moduleResolution) => {
    const entries = Object.keys(MODULE_PEERS).map((name) => (name === 'all' ? '' : `/${name}`));
    const exported = entries.map((entry, i) => `export * as entry${i} from 'nest-bulwark${entry}';`);
    consumer.write('entries.ts', exported.join('\n'));
    const compilerOptions = {
      noEmit: true,
      rootDir: '.',
      module,
      moduleResolution,
      resolvePackageJsonExports: null,
    };
    const config = { extends: './tsconfig.json', compilerOptions, include: [], files: ['entries.ts'] };
    consumer.write(`tsconfig.${moduleResolution}.json`, JSON.stringify(config));
    expect(consumer.runInstalled('typescript/bin/tsc', '-p', `tsconfig.${moduleResolution}.json`)).toBe('');
  });

  it.each(['express', 'fastify'])('runs every module on %s', async (adapter) => {
    const env = { DATABASE_URL: await freshDatabase(), NODE_ENV: 'test' };
    const results: unknown = JSON.parse(consumer.run(process.execPath, ['dist/main.js', adapter], env));
    expect(results).toEqual(STATUSES);
  });

  it.each(['express', 'fastify'])('runs the whole suite by createApp() on %s', async (adapter) => {
    consumer.write('all.js', WHOLE_SUITE);
    const env = { DATABASE_URL: await freshDatabase(), NODE_ENV: 'test', HTTP_ADAPTER: adapter, PORT: '0' };
    expect(JSON.parse(consumer.run(process.execPath, ['all.js'], env))).toEqual([200, 200, 200, 401]);
  });

  it('tests its controllers with Jest', () => {
    const report = consumer.runInstalled('jest/bin/jest.js', '--config', 'jest.config.json', '--json');
    expect(JSON.parse(report)).toMatchObject({ success: true, numPassedTests: 1 });
  });
});
