import { Injectable, Optional } from '@nestjs/common';
import { NoResultCache, ResultCache } from '../ports/index.js';
import { ProblemException } from '../problem/index.js';
import { uuidv7 } from '../common/index.js';
import { afterCommit } from '../database/index.js';
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
  /** For an address that needs no confirmation. @default null */
  emailVerifiedAt?: Date | null;
}

/** One spelling for addresses that differ only in letter case, outer space or Unicode composition. */
export function normalizeEmail(email: string): string {
  return email.trim().normalize('NFKC').toLowerCase();
}

/** Tag of what is remembered of a user; see `ResultCache`. @publicApi */
export function userTag(id: string): string {
  return `user:${id.toLowerCase()}`;
}

/** Users, whatever store they are in. @publicApi */
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
    if (!(await this.store.insert(record))) throw emailTaken();
    const { passwordHash: _hash, ...created } = record;
    return created;
  }

  find(id: string): Promise<UserRecord | null> {
    return this.store.findById(id);
  }

  /** @throws ProblemException `NOT_FOUND` */
  async get(id: string): Promise<UserRecord> {
    const user = await this.store.findById(id);
    if (!user) throw new ProblemException('NOT_FOUND', 'There is no such user.');
    return user;
  }

  /** The user with the password hash, which other reads leave out. */
  findForLogin(email: string): Promise<UserWithPassword | null> {
    return this.store.findByEmail(normalizeEmail(email));
  }

  /** @throws ProblemException `NOT_FOUND`, `EMAIL_TAKEN` */
  async update(id: string, { email, ...rest }: UserChanges): Promise<UserRecord> {
    const changes = { ...rest, ...(email !== undefined && { email: normalizeEmail(email) }) };
    if (!(await this.store.update(id, changes))) throw emailTaken();
    await afterCommit(() => this.cache.invalidate(userTag(id)));
    return this.get(id);
  }

  /** Users in the order of their ids, which is that of their registration; with `before` in the opposite order. */
  search(search: UserSearch): Promise<UserRecord[]> {
    return this.store.search(search);
  }

  /** Whether a user has one of the roles. */
  someoneHasRole(roles: readonly string[], search?: RoleSearch): Promise<boolean> {
    return this.store.someoneHasRole(roles, search);
  }

  async delete(id: string): Promise<void> {
    await this.store.delete(id);
    await afterCommit(() => this.cache.invalidate(userTag(id)));
  }
}

function emailTaken(): ProblemException {
  return new ProblemException('EMAIL_TAKEN', 'An account with this email exists. Log in, or use another address.');
}
