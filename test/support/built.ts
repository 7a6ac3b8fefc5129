import { spawnSync } from 'node:child_process';

/** Makes sure that `dist/` is what the sources say, for tests that run programs. */
export function built(): void {
  spawnSync(process.execPath, ['scripts/build-if-needed.mjs'], { stdio: 'inherit' });
}
