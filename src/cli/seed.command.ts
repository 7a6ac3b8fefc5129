import type { AddressInfo } from 'node:net';
import { createApp, type CreatedApp } from '../bootstrap.js';
import { AdministratorsService } from '../auth/index.js';
import { loadConfig, postgresConnection, readEnvironment, type Environment } from '../config/index.js';
import { UsersService } from '../users/index.js';
import { defineCommand, UsageError } from './command.js';
import { SEED_ADMIN, SEED_API_KEYS, SEED_PASSWORD, SEED_TENANTS, SEED_USERS } from './seed.data.js';
import { SeedClient } from './seed.client.js';

/**
 * Variables that the seeding application does without: its requests must not count in the rate limits of the developer, it
 * sends no mail, and it has one port.
 */
const LEFT_OUT = ['REDIS_URL', 'MAIL_URL', 'MANAGEMENT_PORT'];
const UNLIMITED = Object.fromEntries(
  ['DEFAULT', 'AUTH', 'EMAIL', 'FAILED_LOGIN'].map((tier) => [`THROTTLE_${tier}_LIMIT`, '1000000'] as const),
);

export const command = defineCommand({
  options: {
    remote: { type: 'boolean', description: 'also fills a database on another machine' },
  },
  details:
    'Makes tenants, users of each role, API keys and audit events, and prints the logins. What is there already stays. ' +
    'Every account has the same known password, so the command refuses to run with NODE_ENV=production.',
  async run({ remote = false }) {
    const environment = readEnvironment();
    assertAllowed(environment, remote);
    const created = await createApp({
      env: seedEnvironment(environment),
      handleSignals: false,
      logDestination: { write: () => undefined },
    });
    try {
      await seed(created);
    } finally {
      await created.app.close();
    }
    return 0;
  },
});

/** @throws UsageError where somebody could log in with the known password who should not */
function assertAllowed(environment: Environment, remote: boolean): void {
  if (environment['NODE_ENV']?.trim() === 'production') {
    throw new UsageError('Seed data has a known password: it is not for NODE_ENV=production.');
  }
  const { url } = loadConfig(environment).config.database;
  if (remote || url === undefined || postgresConnection(url).isLocal) return;
  throw new UsageError(
    'DATABASE_URL is on another machine, and seed data has a known password. Give --remote if it is a database for development.',
  );
}

function seedEnvironment(environment: Environment): Environment {
  const rest = Object.entries(environment).filter(([name]) => !LEFT_OUT.includes(name.replace(/_FILE$/, '')));
  return { ...Object.fromEntries(rest), ...UNLIMITED };
}

async function seed({ app }: CreatedApp): Promise<void> {
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  const users = app.get(UsersService);
  const isMissing = async (email: string) => (await users.findForLogin(email)) === null;
  if (await isMissing(SEED_ADMIN.email)) {
    await app.get(AdministratorsService).create({ ...SEED_ADMIN, password: SEED_PASSWORD });
  }
  const client = new SeedClient(`http://127.0.0.1:${port}`, SEED_PASSWORD);
  const admin = await client.logIn(SEED_ADMIN.email);
  const tenantIds = await client.ensureTenants(admin, SEED_TENANTS);
  for (const user of SEED_USERS) {
    if (await isMissing(user.email)) await client.createUser(admin, user, tenantIds);
  }
  console.log(`Password of every account: ${SEED_PASSWORD}\n`);
  for (const { email, roles, ...user } of [SEED_ADMIN, ...SEED_USERS]) {
    const tenants = 'tenants' in user ? Object.entries(user.tenants) : [];
    const memberships = tenants.map(([tenant, own]) => `, ${own.join(' and ')} of ${tenant}`).join('');
    console.log(`${email.padEnd(24)}${roles.join(', ')}${memberships}${'isLocked' in user ? ', locked' : ''}`);
  }
  console.log('');
  for (const key of SEED_API_KEYS) {
    const made = await client.ensureApiKey(key, tenantIds);
    console.log(
      `API key "${key.name}" of ${key.owner} in ${key.tenant}: ${made ?? 'exists; it was printed when it was made'}`,
    );
  }
}
