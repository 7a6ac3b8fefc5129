import { spawnSync } from 'node:child_process';

/** Builds `dist/` from the current sources if needed, for tests that run programs. */
export function built(): void {
  spawnSync(process.execPath, ['scripts/build-if-needed.mjs'], { stdio: 'inherit' });
}
