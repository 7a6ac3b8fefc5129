// Checks the packed library: publint looks at package.json and the files, @arethetypeswrong/cli resolves the types of each
// entry as the compiler does in every module resolution.
//
// Its profiles `esm-only` and `node16` would skip whole resolutions that this package supports. Instead, one rule is switched
// off: it says that a CommonJS file cannot require() an ES module, and every version of Node in `engines` can.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

function run(program, ...args) {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  return { isClean: status === 0, stdout };
}

const npx = (...args) => run('npx', '--no-install', ...args);
const folder = mkdtempSync(join(tmpdir(), 'bulwark-check-'));
try {
  // The build exists already.
  const packed = run('npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', folder);
  const archive = join(folder, JSON.parse(packed.stdout)[0].filename);
  const checks = {
    publint: npx('publint', 'run', archive, '--strict'),
    attw: npx('attw', archive, '--ignore-rules', 'cjs-resolves-to-esm', '--format', 'ascii'),
  };
  for (const [name, { isClean, stdout }] of Object.entries(checks)) {
    console.log(isClean ? `${name}: no problems` : `${name}:\n${stdout}`);
    if (!isClean) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
