#!/usr/bin/env node
import { readFileSync, writeSync } from 'node:fs';
import { COMMANDS } from './commands.js';
import { dispatch } from './dispatch.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const code = await dispatch(
  process.argv.slice(2),
  { commands: COMMANDS, version },
  // Synchronous, so that no output is lost at exit.
  { out: (text) => writeSync(1, `${text}\n`), err: (text) => writeSync(2, `${text}\n`) },
);
process.exit(code);
