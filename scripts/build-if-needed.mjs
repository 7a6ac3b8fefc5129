// Builds dist/ when it is missing or older than what it is made from, so that `npm start` works from a fresh clone.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const built = 'dist/main.js';
const sources = ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'nest-cli.json'];

function newest(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.spec.ts'))
    .reduce((latest, entry) => Math.max(latest, statSync(join(entry.parentPath, entry.name)).mtimeMs), 0);
}

// An installed image carries dist/ and no sources: there is nothing to build from.
if (!existsSync('src')) process.exit(0);
const changed = Math.max(newest('src'), ...sources.map((file) => statSync(file).mtimeMs));
if (existsSync(built) && statSync(built).mtimeMs >= changed) process.exit(0);

console.log('Building…');
const { status } = spawnSync(process.execPath, ['node_modules/@nestjs/cli/bin/nest.js', 'build'], { stdio: 'inherit' });
process.exit(status ?? 1);
