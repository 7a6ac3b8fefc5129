import type { Command } from './command.js';

export interface CommandEntry {
  readonly summary: string;
  /** Loaded when it is called: a migration needs no bcrypt. */
  load(): Promise<{ readonly command: Command }>;
}

/** Every command. A new one is a file beside this one and a line here. */
export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  migrate: { summary: 'Run pending migrations', load: () => import('./migrate.command.js') },
  'config check': { summary: 'Judge the environment', load: () => import('./config-check.command.js') },
  'keys rotate': { summary: 'Change the signing key in steps', load: () => import('./keys-rotate.command.js') },
  doctor: { summary: 'Examine an HTTP API from outside', load: () => import('./doctor.command.js') },
  'audit verify': {
    summary: 'Look whether audit events were changed',
    load: () => import('./audit-verify.command.js'),
  },
  seed: { summary: 'Fill a development database', load: () => import('./seed.command.js') },
  'admin create': { summary: 'Make an administrator', load: () => import('./admin-create.command.js') },
};
