import type { DatabaseLogin } from '../../database/index.js';
import type { Rule } from './rule.js';

/** The login of the application, or the reason why it is unknown. */
export type LoginFacts = { readonly login: DatabaseLogin } | { readonly unknown: string };

export const DATABASE_LOGIN_RULES: readonly Rule<LoginFacts>[] = [
  {
    name: 'config.database-login',
    title: 'The database login of the application is not a superuser and does not bypass row-level security',
    reference: 'OWASP ASVS 5.0 V13.2.2',
    remedy:
      'Run deploy/postgres/roles.sql, set `url` of DatabaseModule to the login bulwark_app, and set `migrationUrl` to the ' +
      'login bulwark_owner.',
    variables: ['DATABASE_URL', 'DATABASE_MIGRATION_URL'],
    otherwise: 'warn',
    holds: (facts) => ('login' in facts ? !facts.login.isSuperuser && !facts.login.bypassesRls : facts.unknown),
    seen: (facts) => ('login' in facts ? facts.login : undefined),
  },
];
