import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { TokenView } from '../auth/index.js';
import type { ResponseData } from '../doctor/index.js';
import { SkipCheck } from '../reports/index.js';
import type { Role, UsersService } from '../users/index.js';
import { ImportedModules } from './imported-modules.js';
import type { TestClient } from './self-client.js';
import { SUITE } from './suite-providers.js';

/** A domain that never exists (RFC 2606), so that no account of a person is changed. */
const DOMAIN = 'self-test.invalid';
/** A silent registration continues after its response. Together with the poll interval, this waits up to five seconds. */
const MAX_ATTEMPTS = 100;
const POLL_INTERVAL_MS = 50;

const MIN_ORPHAN_AGE_MS = 10 * 60_000;
const MAX_ORPHANS = 1_000;

export interface Account {
  id: string;
  email: string;
  password: string;
  registration: ResponseData;
  accessToken: string;
  refreshToken: string;
}

/** Accounts for one check. They are deleted after the check. Accounts of a crashed process are deleted at the next start. */
@Injectable()
export class TemporaryAccounts implements OnApplicationBootstrap {
  constructor(private readonly modules: ImportedModules) {}

  async onApplicationBootstrap(): Promise<void> {
    const users = await this.findUsers();
    if (!users) return;
    const orphans = await users.search({ search: `@${DOMAIN}`, limit: MAX_ORPHANS });
    // Another replica may use newer accounts.
    const old = orphans.filter(({ createdAt }) => createdAt.getTime() < Date.now() - MIN_ORPHAN_AGE_MS);
    await Promise.all(old.map(({ id }) => users.delete(id)));
  }

  /** @throws SkipCheck if accounts cannot be created */
  async create(visitor: TestClient): Promise<Account> {
    await this.modules.require(SUITE.authSettings);
    const email = `${randomUUID()}@${DOMAIN}`;
    const password = randomUUID();
    const body = { email, password, name: 'Self test' };
    try {
      const registration = await visitor.send('/auth/register', { method: 'POST', body });
      if (registration.status === 403 || registration.status === 404) {
        throw new SkipCheck(`nobody can register: POST /auth/register returned the status ${registration.status}`);
      }
      const answer = registration.status === 202 ? await this.confirmAndLogIn(visitor, email, password) : registration;
      const { accessToken = '', refreshToken = '', user } = (answer.json ?? {}) as Partial<TokenView>;
      return { id: user?.id ?? '', email, password, registration, accessToken, refreshToken };
    } catch (error) {
      if (error instanceof SkipCheck) throw error;
      // The registration may still run, although its response did not arrive in time.
      await this.waitForUser(email);
      await this.delete({ email });
      throw error;
    }
  }

  async delete(account: Pick<Account, 'email'> | undefined): Promise<void> {
    const users = await this.findUsers();
    const user = account && (await users?.findForLogin(account.email));
    if (user) await users?.delete(user.id);
  }

  async runWithAccount<T>(visitor: TestClient, use: (account: Account) => Promise<T>): Promise<T> {
    const account = await this.create(visitor);
    try {
      return await use(account);
    } finally {
      await this.delete(account);
    }
  }

  /** Confirms the email address in the database and logs in. The confirmation mail cannot be received here. */
  private async confirmAndLogIn({ send }: TestClient, email: string, password: string): Promise<ResponseData> {
    const user = await this.waitForUser(email);
    if (user) await (await this.findUsers())?.update(user.id, { emailVerifiedAt: new Date() });
    return send('/auth/login', { method: 'POST', body: { email, password } });
  }

  private async waitForUser(email: string): ReturnType<UsersService['findForLogin']> {
    const users = await this.modules.require(SUITE.users);
    let user = await users.findForLogin(email);
    for (let i = 0; !user && i < MAX_ATTEMPTS; i++) {
      await sleep(POLL_INTERVAL_MS);
      user = await users.findForLogin(email);
    }
    return user;
  }

  /** Sets the role of an account. It takes effect for existing tokens. */
  async setRole({ id }: Account, role: `${Role}`): Promise<void> {
    const [users, revocations] = [
      await this.modules.require(SUITE.users),
      await this.modules.require(SUITE.revocations),
    ];
    await users.update(id, { roles: [role] });
    await revocations.userChanged(id);
  }

  /** Accounts of AuthModule only. An application may have users of its own. */
  private async findUsers(): Promise<UsersService | undefined> {
    const settings = await this.modules.find(SUITE.authSettings);
    return settings && this.modules.find(SUITE.users);
  }
}
