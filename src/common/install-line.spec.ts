import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { collectPeers, createInstallLine } from './install-line.js';
import { MODULE_PEERS } from './module-peers.js';

const MANIFEST = JSON.parse(readFileSync('package.json', 'utf8')) as {
  exports: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional?: boolean }>;
};
const ADAPTER_PACKAGES = ['@nestjs/platform-express', '@nestjs/platform-fastify'];

describe('the install line', () => {
  it('names each package once, in a version that this package accepts', () => {
    const { packages } = collectPeers(['throttler', 'redis', 'production-test'], 'express');
    expect(packages.filter((name) => name === 'ioredis')).toEqual(['ioredis']);
    expect(createInstallLine(['ioredis'])).toMatch(/^npm install "ioredis@\^5\.\d+\.\d+"$/);
  });

  it('takes the packages of the adapter', () => {
    expect(collectPeers(['security'], 'express').packages).toContain('compression');
    expect(collectPeers(['security'], 'fastify').packages).toContain('@fastify/compress');
  });

  it('is written for each package manager', () => {
    expect(createInstallLine(['unknown'], { manager: 'pnpm' })).toBe('pnpm add unknown');
    expect(createInstallLine(['unknown'], { manager: 'yarn' })).toBe('yarn add unknown');
  });

  it('takes the packages for the major version of Nest in the application', () => {
    expect(createInstallLine(['@nestjs/swagger'], { nestMajor: 11 })).toMatch(/"@nestjs\/swagger@\^11/);
    expect(createInstallLine(['@nestjs/swagger'], { nestMajor: 12 })).toMatch(/"@nestjs\/swagger@\^12/);
    expect(createInstallLine(['@nestjs/swagger'])).toMatch(/"@nestjs\/swagger@\^12/);
  });
});

describe('the list of peers', () => {
  it('has every entry of the package', () => {
    const entries = Object.entries(MANIFEST.exports).filter(([, path]) => path.endsWith('.js'));
    const names = entries.map(([entry]) => (entry === '.' ? 'all' : entry.replace('./', '')));
    expect(Object.keys(MODULE_PEERS).sort()).toEqual(names.sort());
  });

  it('has every optional peer dependency', () => {
    const listed = Object.values(MODULE_PEERS).flatMap(({ needs, adapters = {}, features = [] }) => [
      ...needs,
      ...Object.values(adapters).flat(),
      ...features.flatMap(({ packages }) => packages),
    ]);
    const optional = Object.keys(MANIFEST.peerDependenciesMeta).filter((name) => !ADAPTER_PACKAGES.includes(name));
    expect([...new Set(listed)].sort()).toEqual(optional.sort());
  });
});
