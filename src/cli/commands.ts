import type { Command } from './command.js';

export interface CommandEntry {
  readonly summary: string;
  /** Loads the command when it is run, so that a command loads only the packages that it needs. */
  load(): Promise<{ readonly command: Command }>;
}

/** All commands. To add a command, add a file beside this file and a line here. */
export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  migrate: { summary: 'Run pending migrations', load: () => import('./migrate.command.js') },
  'config check': { summary: 'Check the configuration', load: () => import('./config-check.command.js') },
  'keys rotate': { summary: 'Rotate the signing key in steps', load: () => import('./keys-rotate.command.js') },
  doctor: { summary: 'Check an HTTP API from outside', load: () => import('./doctor.command.js') },
  'audit verify': {
    summary: 'Verify that audit events were not changed',
    load: () => import('./audit-verify.command.js'),
  },
  peers: { summary: 'Print the line that installs the packages of modules', load: () => import('./peers.command.js') },
  seed: { summary: 'Fill a development database', load: () => import('./seed.command.js') },
  'admin create': { summary: 'Create an administrator', load: () => import('./admin-create.command.js') },
};
