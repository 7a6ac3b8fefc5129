import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ProblemException } from '../../problem/index.js';
import type { Principal } from '../../context/index.js';
import {
  inTransaction,
  isInTransaction,
  managerOf,
  takeAdvisoryLocks,
  type AdvisoryLockName,
} from '../../database/index.js';
import { UsersService, type NewUser, type UserRecord, type UserWithPassword } from '../../users/index.js';
import { KeyedQueue } from './keyed-queue.js';
import { SessionService } from '../sessions/session.service.js';

/** Lock of all flows that may take away the last administrator. It is taken before the locks of accounts. */
const ADMINISTRATORS = 'administrators';
const MAX_ATTEMPTS = 3;
/** Flows that may wait for one account in one process. */
const MAX_WAITING = 100;

/** The account has changed since the flow read it, so that its decision is not valid. */
export class AccountChangedError extends ProblemException {
  constructor() {
    super('CONFLICT', 'The account was changed at the same moment. Read it again, and repeat the request.');
  }
}

export interface AccountTransactionOptions {
  /** Other accounts that `work` reads or changes. */
  also?: readonly string[];
  /** Whether `work` may take away an administrator. @default false */
  administrators?: boolean;
}

/**
 * Makes a check and the act that follows from it one decision. Every flow that opens, changes or takes away a credential, a
 * factor, a lock, a role or a membership does so in one transaction that holds the account's advisory lock, and checks
 * there what it relies on: the password hash that it has compared, the session of the caller, the token, the roles. Slow
 * work, such as hashing, is done before.
 *
 * Locks are taken in one order: administrators, accounts by id, then rows of tenants by id.
 *
 * @publicApi
 */
@Injectable()
export class AccountTransactions {
  private readonly queue = new KeyedQueue(MAX_WAITING);

  constructor(
    private readonly source: DataSource,
    private readonly users: UsersService,
    private readonly sessions: SessionService,
  ) {}

  /**
   * Runs `work` on an account as it is in this moment, alone on all replicas.
   *
   * @throws ProblemException `NOT_FOUND`
   */
  run<T>(userId: string, work: (user: UserRecord) => Promise<T>, options: AccountTransactionOptions = {}): Promise<T> {
    return this.locked(userId, options, async () => work(await this.users.get(userId)));
  }

  /**
   * Makes an account and runs `work` on it in one transaction.
   *
   * @throws ProblemException `EMAIL_TAKEN`
   */
  create<T>(newUser: NewUser, work: (user: UserRecord) => Promise<T>): Promise<T> {
    return inTransaction(this.source, async () => work(await this.users.create(newUser)));
  }

  /**
   * As {@link run}, for the caller's own account.
   *
   * @throws ProblemException `AUTH_TOKEN_REVOKED` where the session or the account has ended since the request was let in
   */
  runAs<T>(
    { id, sessionId }: Pick<Principal, 'id' | 'sessionId'>,
    work: (user: UserRecord) => Promise<T>,
    options: AccountTransactionOptions = {},
  ): Promise<T> {
    return this.locked(id, options, async () => {
      const user = await this.users.find(id);
      if (!user || !canAct(user) || !(await this.sessions.isOpen(id, sessionId))) {
        throw new ProblemException('AUTH_TOKEN_REVOKED', 'The session has ended. Log in again.');
      }
      return work(user);
    });
  }

  /**
   * As {@link run}, for a flow that has compared the password of `seen`.
   *
   * @throws AccountChangedError where the account has another password or address by now, or is gone
   */
  runAsSeen<T>(
    seen: UserWithPassword,
    work: (user: UserWithPassword) => Promise<T>,
    options: AccountTransactionOptions = {},
  ): Promise<T> {
    return this.locked(seen.id, options, async () => work(await this.sameAs(seen)));
  }

  /** For use inside {@link runAs}. @throws AccountChangedError as {@link runAsSeen} */
  async sameAs(seen: UserWithPassword): Promise<UserWithPassword> {
    const user = await this.users.findForLogin(seen.email);
    if (user?.id !== seen.id || user.passwordHash !== seen.passwordHash) throw new AccountChangedError();
    return user;
  }

  /** Repeats the decision from the beginning where the account has changed in the meantime; three times at most. */
  async decide<T>(attempt: () => Promise<T>): Promise<T> {
    for (let attempts = 1; ; attempts++) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof AccountChangedError) || attempts === MAX_ATTEMPTS) throw error;
      }
    }
  }

  private locked<T>(userId: string, options: AccountTransactionOptions, work: () => Promise<T>): Promise<T> {
    const { also = [], administrators = false } = options;
    // Ids come from URLs in either letter case.
    const ids = [...new Set([userId, ...also].map((id) => id.toLowerCase()))].toSorted();
    const accounts = ids.map((id) => `account:${id}` as const);
    const locks: AdvisoryLockName[] = administrators ? [ADMINISTRATORS, ...accounts] : accounts;
    const transaction = () =>
      inTransaction(this.source, async () => {
        await takeAdvisoryLocks(managerOf(this.source), locks);
        return work();
      });
    // A flow inside another flow has had its turn.
    return isInTransaction(this.source) ? transaction() : this.queue.run(locks, transaction);
  }
}

/** Whether the account is neither locked nor deactivated. */
export function canAct({ lockedAt, deactivatedAt }: UserRecord): boolean {
  return lockedAt === null && deactivatedAt === null;
}

/** Answers with another problem where the account was deleted in the meantime: the caller must not learn of it. */
export async function orWhenDeleted<T>(work: Promise<T>, problem: () => ProblemException): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof ProblemException && error.code === 'NOT_FOUND' ? problem() : error;
  }
}
