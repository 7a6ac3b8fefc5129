import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { RevocationService, type TokenView } from '../auth/index.js';
import { UsersService, type Role } from '../users/index.js';
import { SelfClient, type SelfResponse } from './self-client.js';

/** Domain that no mail can ever reach (RFC 2606), so that no person's account is touched. */
const DOMAIN = 'self-test.invalid';

export interface Account {
  id: string;
  email: string;
  password: string;
  registration: SelfResponse;
  accessToken: string;
  refreshToken: string;
}

/** Accounts that exist for one check and are gone after it, however it ends. */
@Injectable()
export class ThrowAwayAccounts {
  constructor(
    private readonly client: SelfClient,
    private readonly users: UsersService,
    private readonly revocations: RevocationService,
  ) {}

  async with<T>(from: string, use: (account: Account) => Promise<T>): Promise<T> {
    const email = `${randomUUID()}@${DOMAIN}`;
    const password = randomUUID();
    try {
      const registration = await this.client.send('/auth/register', {
        method: 'POST',
        body: { email, password, name: 'Self test' },
        from,
      });
      const { accessToken = '', refreshToken = '', user } = registration.body as Partial<TokenView>;
      return await use({ id: user?.id ?? '', email, password, registration, accessToken, refreshToken });
    } finally {
      const user = await this.users.findForLogin(email);
      if (user) await this.users.delete(user.id);
    }
  }

  /** Gives an account one role, which holds for the tokens that it has. */
  async setRole({ id }: Account, role: Role): Promise<void> {
    await this.users.update(id, { roles: [role] });
    await this.revocations.userChanged(id);
  }
}
