/** A user as all but the login see it. @publicApi */
export interface UserRecord {
  /** A UUID; sessions and tokens are kept under it. */
  readonly id: string;
  /** Normalised by `normalizeEmail`; unique. */
  readonly email: string;
  readonly name: string;
  readonly roles: string[];
  /** Set while an administrator keeps the account out. */
  readonly lockedAt: Date | null;
  /** Set while its owner has put the account aside. */
  readonly deactivatedAt: Date | null;
  /** When the owner proved to get mail at the address; null where that is open. */
  readonly emailVerifiedAt: Date | null;
  readonly createdAt: Date;
}

/** A user with the hash of the password, as {@link UserStore} keeps it. @publicApi */
export interface UserWithPassword extends UserRecord {
  readonly passwordHash: string;
}

/** What may change of a user; what is left out stays. @publicApi */
export type UserChanges = Partial<Omit<UserWithPassword, 'id' | 'createdAt'>>;

/** @publicApi */
export interface UserSearch {
  /** Part of the email or of the name, in any letter case. */
  search?: string;
  /** Only users behind the one with this id. */
  after?: string;
  /** Only users before the one with this id; in the opposite order, so that those next to it come first. */
  before?: string;
  limit: number;
}

/** @publicApi */
export interface RoleSearch {
  /** Id of a user that does not count. */
  exceptId?: string;
  /** Whether locked and deactivated users do not count. @default false */
  isActive?: boolean;
}

const PAGE_SIZE = 100;

/**
 * Where users are kept. Implement it to bring a user store of your own, and hand it to `AuthModule.forRoot({ userStore })`;
 * {@link TypeOrmUserStore}, on the table `users`, is the default. Email addresses come normalised. AuthModule calls `update`
 * and `delete` inside a transaction of the database that keeps the sessions; a store on the same `DataSource` takes part in
 * it by `managerOf()` of `nest-bulwark/database`.
 *
 * @publicApi
 */
export abstract class UserStore {
  /** False where another user has the address. Of two at the same moment, one has to get false. */
  abstract insert(user: UserWithPassword): Promise<boolean>;
  /** Null where there is none. */
  abstract findById(id: string): Promise<UserRecord | null>;
  /** Null where there is none. */
  abstract findByEmail(email: string): Promise<UserWithPassword | null>;
  /** False where another user has the new address. A user that is not there is no error. */
  abstract update(id: string, changes: UserChanges): Promise<boolean>;
  /** Users in the order of their ids, which is that of their registration; with `before` in the opposite order. */
  abstract search(search: UserSearch): Promise<UserRecord[]>;
  abstract delete(id: string): Promise<void>;

  /**
   * Whether a user has one of the roles. Override it where the store can answer with one query: this implementation reads
   * all users, page by page.
   */
  async someoneHasRole(roles: readonly string[], { exceptId, isActive = false }: RoleSearch = {}): Promise<boolean> {
    for (let page = await this.search({ limit: PAGE_SIZE }); page.length > 0;) {
      for (const user of page) {
        const matches = user.id !== exceptId && user.roles.some((role) => roles.includes(role));
        if (matches && !(isActive && (user.lockedAt || user.deactivatedAt))) return true;
      }
      page = await this.search({ limit: PAGE_SIZE, after: page.at(-1)?.id ?? '' });
    }
    return false;
  }
}
