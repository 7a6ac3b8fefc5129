import { Controller, Get, Module, VERSION_NEUTRAL } from '@nestjs/common';
import { AuthorizationModule, Permissions } from '../../../src/authorization/index.js';
import { Lifecycle } from '../../../src/ports/index.js';
import { ownDatabase } from '../database.js';
import { TestApp, type Visitor } from '../harness.js';
import { waitForSubscriptions } from '../revocations.js';
import { Postbox } from './postbox.js';

@Controller({ path: 'orders', version: VERSION_NEUTRAL })
class OrdersController {
  /** Accepts API keys that have the permission. */
  @Get()
  @Permissions('orders:read')
  list(): string[] {
    return [];
  }
}

const roles = { User: { permissions: ['orders:read'] } };

@Module({ imports: [AuthorizationModule.forRoot({ roles })], controllers: [OrdersController] })
class OrdersModule {}

/** Cost of new password hashes. It is one above the minimum, so that a test can create an outdated hash. */
export const BCRYPT_COST = 5;

/** Two replicas of the reference application on one database: one on Fastify, one on Express. */
export class ReplicaPair {
  private constructor(
    readonly replicas: readonly [TestApp, TestApp],
    readonly postbox: Postbox,
    readonly administrators: readonly [Visitor, Visitor],
  ) {}

  static async start(env: Record<string, string> = {}): Promise<ReplicaPair> {
    const database = { DATABASE_URL: await ownDatabase(), BCRYPT_COST: String(BCRYPT_COST), LOG_LEVEL: 'error' };
    const imports = [OrdersModule];
    const replicas = await Promise.all([
      TestApp.start({ ...database, HTTP_ADAPTER: 'fastify', ...env }, { imports }),
      TestApp.start({ ...database, HTTP_ADAPTER: 'express', ...env }, { imports }),
    ]);
    const postbox = new Postbox();
    for (const replica of replicas) postbox.connect(replica);
    await Promise.all(replicas.map(waitForSubscriptions));
    const [one] = replicas;
    return new ReplicaPair(replicas, postbox, [await administratorOf(one), await administratorOf(one)]);
  }

  other(replica: TestApp): TestApp {
    const [one, two] = this.replicas;
    return replica === one ? two : one;
  }

  sql(statement: string, values: unknown[] = []) {
    return this.replicas[0].sql(statement, values);
  }

  /** Waits until the background work of both replicas has ended. */
  async finishBackgroundWork(): Promise<void> {
    await Promise.all(this.replicas.map(({ app }) => app.get(Lifecycle, { strict: false }).waitUntilIdle()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.stop()));
  }
}

/** A new administrator, logged in. */
export async function administratorOf(app: TestApp): Promise<Visitor> {
  const visitor = await registered(app);
  await app.sql(`UPDATE users SET roles = '{Admin,User}' WHERE id = $1`, [visitor.id]);
  return visitor;
}

/** A new account, logged in. It gets its tokens in the body, even if the application uses cookies. */
export async function registered(app: TestApp, password = 'correct horse battery'): Promise<Visitor> {
  const email = `${crypto.randomUUID()}@example.com`;
  const { status, text, body } = await app.post(
    '/auth/register',
    { email, password, name: 'Some One' },
    { headers: TOKENS_IN_BODY },
  );
  if (status !== 201) throw new Error(`no account: ${status} ${text}`);
  return { id: body.user.id, email, password, token: body.accessToken, refreshToken: body.refreshToken };
}

/** Requests the tokens in the body, even if the application uses cookies. */
export const TOKENS_IN_BODY = { 'Token-Delivery': 'body' };
