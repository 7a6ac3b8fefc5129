import { MODULE_PEERS, type FeaturePeers, type HttpAdapterName } from './module-peers.js';
import { packageRequire } from './package-require.cjs';

const COMMANDS = { npm: 'npm install', pnpm: 'pnpm add', yarn: 'yarn add', bun: 'bun add' } as const;

export type PackageManager = keyof typeof COMMANDS;

export const PACKAGE_MANAGERS = Object.keys(COMMANDS) as readonly PackageManager[];

export interface InstallOptions {
  /** @default npm */
  readonly manager?: PackageManager;
  /** Major version of Nest in the application. @default the newest that this package accepts */
  readonly nestMajor?: number;
}

/** The line that installs the packages, each in a version that this package accepts. */
export function createInstallLine(
  packages: readonly string[],
  { manager = 'npm', nestMajor }: InstallOptions = {},
): string {
  const { peerDependencies } = packageRequire('../../package.json') as { peerDependencies: Record<string, string> };
  const specifiers = packages.map((name) => {
    const range = peerDependencies[name];
    // Quoted, because shells give a meaning to ^, > and |.
    return range === undefined ? name : `"${name}@${chooseRange(name, range, nestMajor)}"`;
  });
  return [COMMANDS[manager], ...specifiers].join(' ');
}

/**
 * Returns one alternative of a range. The alternatives of Nest's packages are in the order of Nest's versions, 11 first. Some
 * versions for Nest 12 do not accept Nest 11.
 */
function chooseRange(name: string, range: string, nestMajor: number | undefined): string {
  const alternatives = range.split(' || ');
  const isOfNest = name.startsWith('@nestjs/');
  return alternatives.at(isOfNest && nestMajor === 11 ? 0 : -1) ?? range;
}

/** The packages of some modules, without duplicates. */
export interface PeerSelection {
  readonly packages: readonly string[];
  readonly features: readonly FeaturePeers[];
}

/** Collects what the named entries need. `adapter` is the HTTP adapter of the application. */
export function collectPeers(names: readonly string[], adapter: HttpAdapterName): PeerSelection {
  const entries = names.flatMap((name) => MODULE_PEERS[name] ?? []);
  const packages = new Set(entries.flatMap(({ needs, adapters }) => [...needs, ...(adapters?.[adapter] ?? [])]));
  const features = new Set(entries.flatMap(({ features = [] }) => features));
  const isOpen = ({ packages: wanted }: FeaturePeers) => wanted.some((name) => !packages.has(name));
  return { packages: [...packages].sort(), features: [...features].filter(isOpen) };
}
