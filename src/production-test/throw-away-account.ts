import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { RevocationService, type TokenView } from '../auth/index.js';
import type { Answer } from '../doctor/index.js';
import { UsersService, type Role } from '../users/index.js';
import type { Visitor } from './self-client.js';

/** Domain that no mail can ever reach (RFC 2606), so that no person's account is touched. */
const DOMAIN = 'self-test.invalid';
/** A registration may go on after its answer (a silent one) or after nobody waits for it: up to five seconds. */
const MAX_ATTEMPTS = 100;
const LOOK_MS = 50;

const LEFT_AFTER_MS = 10 * 60_000;
const LEFT_AT_MOST = 1_000;

export interface Account {
  id: string;
  email: string;
  password: string;
  registration: Answer;
  accessToken: string;
  refreshToken: string;
}

/** Accounts that exist for one check and are gone after it, however it ends; those of a crashed process at the next start. */
@Injectable()
export class ThrowAwayAccounts implements OnApplicationBootstrap {
  constructor(
    private readonly users: UsersService,
    private readonly revocations: RevocationService,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const left = await this.users.search({ search: `@${DOMAIN}`, limit: LEFT_AT_MOST });
    // Younger ones may be in use by another replica.
    const old = left.filter(({ createdAt }) => createdAt.getTime() < Date.now() - LEFT_AFTER_MS);
    await Promise.all(old.map(({ id }) => this.users.delete(id)));
  }

  async open(visitor: Visitor): Promise<Account> {
    const email = `${randomUUID()}@${DOMAIN}`;
    const password = randomUUID();
    const body = { email, password, name: 'Self test' };
    try {
      const registration = await visitor.send('/auth/register', { method: 'POST', body });
      const answer = registration.status === 202 ? await this.firstLogin(visitor, email, password) : registration;
      const { accessToken = '', refreshToken = '', user } = (answer.json ?? {}) as Partial<TokenView>;
      return { id: user?.id ?? '', email, password, registration, accessToken, refreshToken };
    } catch (error) {
      // The application may still be at a registration whose answer did not come in time.
      await this.appearing(email);
      await this.close({ email });
      throw error;
    }
  }

  async close(account: Pick<Account, 'email'> | undefined): Promise<void> {
    const user = account && (await this.users.findForLogin(account.email));
    if (user) await this.users.delete(user.id);
  }

  async with<T>(visitor: Visitor, use: (account: Account) => Promise<T>): Promise<T> {
    const account = await this.open(visitor);
    try {
      return await use(account);
    } finally {
      await this.close(account);
    }
  }

  /** Where a registration waits for the address to be confirmed, which nobody can here. */
  private async firstLogin({ send }: Visitor, email: string, password: string): Promise<Answer> {
    const user = await this.appearing(email);
    if (user) await this.users.update(user.id, { emailVerifiedAt: new Date() });
    return send('/auth/login', { method: 'POST', body: { email, password } });
  }

  private async appearing(email: string): ReturnType<UsersService['findForLogin']> {
    let user = await this.users.findForLogin(email);
    for (let i = 0; !user && i < MAX_ATTEMPTS; i++) {
      await sleep(LOOK_MS);
      user = await this.users.findForLogin(email);
    }
    return user;
  }

  /** Gives an account one role, which holds for the tokens that it has. */
  async setRole({ id }: Account, role: Role): Promise<void> {
    await this.users.update(id, { roles: [role] });
    await this.revocations.userChanged(id);
  }
}
