import { Injectable, Optional } from '@nestjs/common';
import { NoResultCache, ResultCache } from '../ports/index.js';
import { ProblemException } from '../problem/index.js';
import { uuidv7 } from '../common/index.js';
import { afterCommit } from '../database/index.js';
import { normalizeUserId } from './user-id.js';
import {
  UserStore,
  type RoleSearch,
  type UserChanges,
  type UserRecord,
  type UserSearch,
  type UserWithPassword,
} from './user.store.js';

/** @publicApi */
export interface NewUser {
  email: string;
  name: string;
  passwordHash: string;
  roles: string[];
  /** Set it for an address that needs no confirmation. @default null */
  emailVerifiedAt?: Date | null;
}

/** Normalises an email address: letter case, surrounding spaces and Unicode composition. @publicApi */
export function normalizeEmail(email: string): string {
  return email.trim().normalize('NFKC').toLowerCase();
}

/** Cache tag of the results that depend on a user. See `ResultCache`. @publicApi */
export function userTag(id: string): string {
  return `user:${normalizeUserId(id)}`;
}

/** Reads and writes users in the {@link UserStore}. @publicApi */
@Injectable()
export class UsersService {
  constructor(
    private readonly store: UserStore,
    @Optional() private readonly cache: ResultCache = new NoResultCache(),
  ) {}

  /** @throws ProblemException `EMAIL_TAKEN` */
  async create(user: NewUser): Promise<UserRecord> {
    const record: UserWithPassword = {
      emailVerifiedAt: null,
      ...user,
      id: uuidv7(),
      email: normalizeEmail(user.email),
      lockedAt: null,
      deactivatedAt: null,
      createdAt: new Date(),
    };
    const inserted = await this.store.insert(record);
    if (inserted === false) throw createEmailTakenProblem();
    const { passwordHash: _hash, ...created } = record;
    return inserted === true ? created : { ...created, id: inserted.id };
  }

  /**
   * Another spelling of an id, such as `007` for the number 7, finds no user. Locks, sessions and caches compare ids as
   * texts, and would miss the user.
   */
  async find(id: string): Promise<UserRecord | null> {
    if (!this.store.isValidId(id)) return null;
    const user = await this.store.findById(id);
    return user && normalizeUserId(user.id) === normalizeUserId(id) ? user : null;
  }

  /** @throws ProblemException `NOT_FOUND` */
  async get(id: string): Promise<UserRecord> {
    const user = await this.find(id);
    if (!user) throw new ProblemException('NOT_FOUND', 'There is no such user.');
    return user;
  }

  /** Returns the user with the password hash. Other methods leave the hash out. */
  findForLogin(email: string): Promise<UserWithPassword | null> {
    return this.store.findByEmail(normalizeEmail(email));
  }

  /** @throws ProblemException `NOT_FOUND`, `EMAIL_TAKEN` */
  async update(id: string, { email, ...rest }: UserChanges): Promise<UserRecord> {
    const changes = { ...rest, ...(email !== undefined && { email: normalizeEmail(email) }) };
    if (!(await this.store.update(id, changes))) throw createEmailTakenProblem();
    await afterCommit(() => this.cache.invalidate(userTag(id)));
    return this.get(id);
  }

  /** Returns users in the order of their ids, which is the order of registration. With `before`, the order is reversed. */
  search(search: UserSearch): Promise<UserRecord[]> {
    return this.store.search(search);
  }

  /** Whether any user has one of the roles. */
  hasUserWithRole(roles: readonly string[], search?: RoleSearch): Promise<boolean> {
    return this.store.hasUserWithRole(roles, search);
  }

  async delete(id: string): Promise<void> {
    await this.store.delete(id);
    await afterCommit(() => this.cache.invalidate(userTag(id)));
  }
}

function createEmailTakenProblem(): ProblemException {
  return new ProblemException('EMAIL_TAKEN', 'An account with this email exists. Log in, or use another address.');
}
