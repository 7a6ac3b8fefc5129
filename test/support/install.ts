import { spawnSync } from 'node:child_process';

/** Makes sure of a program that tests need: installs it by apt where this user may, else says what to install. */
export function installed(program: string, { from = program, or = '', versionFlag = '--version' } = {}): void {
  const runs = (name: string, flag: string) => spawnSync(name, [flag]).status === 0;
  if (runs(program, versionFlag)) return;
  if (process.getuid?.() === 0 && runs('apt-get', '--version')) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    spawnSync('apt-get', ['update', '-q'], { env });
    spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', from], { env });
  }
  if (runs(program, versionFlag)) return;
  throw new Error(`The tests need ${program}: install it (apt-get install ${from})${or && `, or ${or}`}.`);
}
