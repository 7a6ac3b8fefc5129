import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { built } from './built.js';

/** The same settings for all installations. Packages that npm already has are not downloaded again. */
const NPM_SETTINGS = {
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_ignore_scripts: 'true',
  npm_config_strict_peer_deps: 'true',
  npm_config_prefer_offline: 'true',
};

/** An application of a consumer in a temporary folder. It installs the packed library. */
export class Consumer {
  readonly folder = mkdtempSync(join(tmpdir(), 'bulwark-package-'));
  readonly archive: string;
  /** The files of the archive. */
  readonly packedFiles: readonly string[];

  constructor({ manifest = {}, fixture }: { manifest?: object; fixture?: string }) {
    built();
    // Packing must not rebuild, because other test files use the build at the same time.
    const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', this.folder], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [{ filename, files }] = JSON.parse(packed) as [{ filename: string; files: { path: string }[] }];
    this.archive = join(this.folder, filename);
    this.packedFiles = files.map(({ path }) => path);
    this.write('package.json', JSON.stringify({ name: 'consumer', private: true, ...manifest }));
    if (fixture !== undefined) cpSync(fixture, this.folder, { recursive: true });
  }

  write(file: string, content: string): void {
    writeFileSync(join(this.folder, file), content);
  }

  /**
   * Runs a program in the folder, and returns its output.
   *
   * @throws Error with the output, if the program fails
   */
  run(program: string, args: readonly string[], env: Record<string, string> = {}): string {
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: this.folder,
      encoding: 'utf8',
      env: { ...process.env, ...NPM_SETTINGS, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed.\n${stdout}\n${stderr}`);
    return stdout;
  }

  install(...packages: string[]): void {
    this.run('npm', ['install', ...packages]);
  }

  /** Runs a line such as the one that `nest-bulwark peers` prints. */
  runLine(line: string): void {
    this.run('sh', ['-c', line]);
  }

  /** Runs a file of an installed package. */
  runInstalled(file: string, ...args: string[]): string {
    return this.run(process.execPath, [join(this.folder, 'node_modules', file), ...args]);
  }

  /** Runs the library's own command. */
  bulwark(...args: string[]): string {
    return this.runInstalled('nest-bulwark/dist/cli/main.js', ...args);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A package in the version that this project has installed, such as `rxjs@7.8.2`. */
export function installedVersion(name: string): string {
  const { version } = JSON.parse(readFileSync(join('node_modules', name, 'package.json'), 'utf8')) as {
    version: string;
  };
  return `${name}@${version}`;
}
