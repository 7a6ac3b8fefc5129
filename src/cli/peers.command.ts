import { existsSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import {
  collectPeers,
  createInstallLine,
  HTTP_ADAPTER_NAMES,
  MODULE_PEERS,
  PACKAGE_MANAGERS,
  type HttpAdapterName,
  type PackageManager,
} from '../common/index.js';
import { defineCommand, UsageError } from './command.js';

const options = {
  modules: {
    type: 'string',
    positional: true,
    multiple: true,
    required: true,
    argument: 'MODULE',
    description: `entries of the package, such as "health auth"; "all" for nest-bulwark itself`,
  },
  adapter: {
    type: 'string',
    argument: 'NAME',
    description: `${HTTP_ADAPTER_NAMES.join(' or ')}; adds the adapter's own package. Without it, the installed adapter is used`,
  },
  manager: {
    type: 'string',
    argument: 'NAME',
    description: `${PACKAGE_MANAGERS.join(', ')}. Without it, the one that runs this command is used`,
  },
} as const;

export const command = defineCommand({
  options,
  details: 'The line goes to standard output. Packages that only some features need are listed on standard error.',
  async run({ modules, ...values }) {
    const unknown = modules.filter((name) => !Object.hasOwn(MODULE_PEERS, name));
    if (unknown.length > 0) {
      throw new UsageError(
        `There is no module ${unknown.join(', ')}. Modules: ${Object.keys(MODULE_PEERS).join(', ')}`,
      );
    }
    const adapter = choose('adapter', values.adapter, HTTP_ADAPTER_NAMES) ?? findAdapter();
    const manager = choose('manager', values.manager, PACKAGE_MANAGERS) ?? findManager();
    const { packages, features } = collectPeers(modules, adapter);
    const own = values.adapter === undefined ? [] : [`@nestjs/platform-${adapter}`];
    const install = { manager, nestMajor: findNestMajor() };
    const all = [...own, ...packages];
    if (all.length === 0) writeSync(2, `${modules.join(', ')}: no further packages are needed.\n`);
    else writeSync(1, `${createInstallLine(all, install)}\n`);
    for (const { feature, packages: further } of features) {
      writeSync(2, `for ${feature}: ${createInstallLine(further, install)}\n`);
    }
    return 0;
  },
});

function choose<T extends string>(option: string, value: string | undefined, allowed: readonly T[]): T | undefined {
  const found = allowed.find((name) => name === value);
  if (found !== undefined || value === undefined) return found;
  throw new UsageError(`--${option} must be ${allowed.join(' or ')}. "${value}" is not allowed.`);
}

const applicationRequire = () => createRequire(join(process.cwd(), 'package.json'));

/** The adapter that the application in this folder has installed; Nest's default if it has none or both. */
function findAdapter(): HttpAdapterName {
  return findPackage('@nestjs/platform-fastify') && !findPackage('@nestjs/platform-express') ? 'fastify' : 'express';
}

/** Package managers name themselves in this variable when they run a program. */
function findManager(): PackageManager {
  const agent = process.env['npm_config_user_agent'] ?? '';
  return PACKAGE_MANAGERS.find((name) => agent.startsWith(`${name}/`)) ?? 'npm';
}

function findNestMajor(): number | undefined {
  const file = findPackage('@nestjs/core');
  if (file === undefined) return undefined;
  const { version } = applicationRequire()(file) as { version: string };
  return Number.parseInt(version, 10);
}

/** The package.json of a package, where Node would find it from this folder. */
function findPackage(name: string): string | undefined {
  const folders = applicationRequire().resolve.paths(name) ?? [];
  return folders.map((folder) => join(folder, name, 'package.json')).find((file) => existsSync(file));
}
