import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ProblemException } from '../../problem/index.js';
import type { Principal } from '../../context/index.js';
import {
  InjectModuleDataSource,
  inTransaction,
  isInTransaction,
  managerOf,
  takeAdvisoryLocks,
  type AdvisoryLockName,
} from '../../database/index.js';
import {
  normalizeUserId,
  UsersService,
  type NewUser,
  type UserRecord,
  type UserWithPassword,
} from '../../users/index.js';
import { KeyedQueue } from './keyed-queue.js';
import { SessionService } from '../sessions/session.service.js';

/** Lock of all operations that may remove the last administrator. It is taken before the locks of accounts. */
const ADMINISTRATORS = 'administrators';
const MAX_ATTEMPTS = 3;
/** Maximum number of operations that wait for one account in one process. */
const MAX_WAITING = 100;

/** The account has changed since the operation read it, so its checks are outdated. */
export class AccountChangedError extends ProblemException {
  constructor() {
    super(
      'CONFLICT',
      'The account was changed by another request at the same time. Read it again, and repeat the request.',
    );
  }
}

/** @publicApi */
export interface AccountTransactionOptions {
  /** Ids of other accounts that `work` reads or changes. They are locked too. */
  otherUserIds?: readonly string[];
  /** Whether `work` may remove an administrator. Then the lock of administrators is taken first. @default false */
  mayRemoveAdministrator?: boolean;
}

/**
 * Makes a check and the change that depends on it atomic. Every operation that creates, changes or removes a credential, a
 * second factor, a lock, a role or a membership runs in one transaction that holds the account's advisory lock. Within the
 * transaction it checks what it relies on: the compared password hash, the session of the caller, the token, the roles.
 * Slow work, such as hashing, is done before the transaction.
 *
 * Locks are always taken in the same order: administrators, accounts by id, then rows of tenants by id.
 *
 * @publicApi
 */
@Injectable()
export class AccountTransactions {
  private readonly queue = new KeyedQueue(MAX_WAITING);

  /** @internal */
  constructor(
    @InjectModuleDataSource() private readonly source: DataSource,
    private readonly users: UsersService,
    private readonly sessions: SessionService,
  ) {}

  /**
   * Runs `work` with the current account, under its lock. No other operation on the account runs on any replica.
   *
   * @throws ProblemException `NOT_FOUND`
   */
  run<T>(userId: string, work: (user: UserRecord) => Promise<T>, options: AccountTransactionOptions = {}): Promise<T> {
    return this.runLocked(userId, options, async () => work(await this.users.get(userId)));
  }

  /**
   * Creates an account and runs `work` with it in one transaction.
   *
   * @throws ProblemException `EMAIL_TAKEN`
   */
  create<T>(newUser: NewUser, work: (user: UserRecord) => Promise<T>): Promise<T> {
    return inTransaction(this.source, async () => work(await this.users.create(newUser)));
  }

  /**
   * Same as {@link run}, for the caller's own account.
   *
   * @throws ProblemException `AUTH_TOKEN_REVOKED` if the session has ended, or the account was locked or deactivated, since
   *   the request was authenticated
   */
  runAs<T>(
    { id, sessionId }: Pick<Principal, 'id' | 'sessionId'>,
    work: (user: UserRecord) => Promise<T>,
    options: AccountTransactionOptions = {},
  ): Promise<T> {
    return this.runLocked(id, options, async () => {
      const user = await this.users.find(id);
      if (!user || !isAccountActive(user) || !(await this.sessions.isActive(id, sessionId))) {
        throw new ProblemException('AUTH_TOKEN_REVOKED', 'The session has ended. Log in again.');
      }
      return work(user);
    });
  }

  /**
   * Same as {@link run}, for an account whose password was verified before.
   *
   * @throws AccountChangedError if the account now has another password or address, or was deleted
   */
  runIfUnchanged<T>(
    verifiedUser: UserWithPassword,
    work: (user: UserWithPassword) => Promise<T>,
    options: AccountTransactionOptions = {},
  ): Promise<T> {
    return this.runLocked(verifiedUser.id, options, async () => work(await this.assertUnchanged(verifiedUser)));
  }

  /** Use it inside {@link runAs}. Returns the current account. @throws AccountChangedError as {@link runIfUnchanged} */
  async assertUnchanged(verifiedUser: UserWithPassword): Promise<UserWithPassword> {
    const user = await this.users.findForLogin(verifiedUser.email);
    if (user?.id !== verifiedUser.id || user.passwordHash !== verifiedUser.passwordHash)
      throw new AccountChangedError();
    return user;
  }

  /** Runs `attempt` again if the account has changed in the meantime. At most three attempts. */
  async retryIfChanged<T>(attempt: () => Promise<T>): Promise<T> {
    for (let attempts = 1; ; attempts++) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof AccountChangedError) || attempts === MAX_ATTEMPTS) throw error;
      }
    }
  }

  private runLocked<T>(userId: string, options: AccountTransactionOptions, work: () => Promise<T>): Promise<T> {
    const { otherUserIds = [], mayRemoveAdministrator = false } = options;
    const ids = [...new Set([userId, ...otherUserIds].map(normalizeUserId))].toSorted();
    const accounts = ids.map((id) => `account:${id}` as const);
    const locks: AdvisoryLockName[] = mayRemoveAdministrator ? [ADMINISTRATORS, ...accounts] : accounts;
    const transaction = () =>
      inTransaction(this.source, async () => {
        await takeAdvisoryLocks(managerOf(this.source), locks);
        return work();
      });
    // A nested call must not wait in the queue: the outer call already has its place there.
    return isInTransaction(this.source) ? transaction() : this.queue.run(locks, transaction);
  }
}

/** Whether the account is neither locked nor deactivated. */
export function isAccountActive({ lockedAt, deactivatedAt }: UserRecord): boolean {
  return lockedAt === null && deactivatedAt === null;
}

/** Replaces the error for a deleted account by another problem, so the caller does not learn about the deletion. */
export async function replaceNotFound<T>(work: Promise<T>, problem: () => ProblemException): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof ProblemException && error.code === 'NOT_FOUND' ? problem() : error;
  }
}
