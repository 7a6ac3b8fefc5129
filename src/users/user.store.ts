/** A user without the password hash. @publicApi */
export interface UserRecord {
  /** Any text: a UUID, a number, an ObjectId in hexadecimal digits. Sessions and tokens refer to it. */
  readonly id: string;
  /** Normalised by `normalizeEmail`. Unique. */
  readonly email: string;
  readonly name: string;
  readonly roles: string[];
  /** Set while the account is locked by an administrator. */
  readonly lockedAt: Date | null;
  /** Set while the account is deactivated by its owner. */
  readonly deactivatedAt: Date | null;
  /** When the owner confirmed the email address. Null until then. */
  readonly emailVerifiedAt: Date | null;
  readonly createdAt: Date;
}

/** A user with the password hash, as stored by {@link UserStore}. @publicApi */
export interface UserWithPassword extends UserRecord {
  readonly passwordHash: string;
}

/** Fields of a user to change. Missing fields stay unchanged. @publicApi */
export type UserChanges = Partial<Omit<UserWithPassword, 'id' | 'createdAt'>>;

/** @publicApi */
export interface UserSearch {
  /** Part of the email or of the name, in any letter case. */
  search?: string;
  /** Only users with a greater id. */
  after?: string;
  /** Only users with a smaller id. Then the order is reversed, so that the users next to this id come first. */
  before?: string;
  limit: number;
}

/** @publicApi */
export interface RoleSearch {
  /** Id of a user that is ignored. */
  exceptId?: string;
  /** Whether locked and deactivated users are ignored. @default false */
  isActive?: boolean;
}

const PAGE_SIZE = 100;

/**
 * Stores users. To use your own user store, implement this class and pass it to `AuthModule.forRoot({ userStore })`. The
 * default is {@link TypeOrmUserStore} with the table `users`. All email addresses are normalised. AuthModule calls `update`
 * and `delete` inside a transaction of the database that stores the sessions. A store on the same `DataSource` joins the
 * transaction by `managerOf()` of `nest-bulwark/database`.
 *
 * @publicApi
 */
export abstract class UserStore {
  /**
   * Returns false if another user has the address. Of two parallel calls with one address, one must return false. The user
   * has a new UUID as the id. A store that gives its own ids returns the id of the new user.
   */
  abstract insert(user: UserWithPassword): Promise<boolean | { readonly id: string }>;
  /** Returns null if there is no such user. The id is one that {@link isValidId} accepts. */
  abstract findById(id: string): Promise<UserRecord | null>;
  /** Returns null if there is no such user. */
  abstract findByEmail(email: string): Promise<UserWithPassword | null>;
  /** Returns false if another user has the new address. An unknown id is not an error. */
  abstract update(id: string, changes: UserChanges): Promise<boolean>;
  /** Returns users in the order of their ids, which is the order of registration. With `before`, the order is reversed. */
  abstract search(search: UserSearch): Promise<UserRecord[]>;
  abstract delete(id: string): Promise<void>;

  /**
   * Whether a text can be an id of this store. Other texts do not reach the store. This implementation accepts printable
   * texts of up to 128 characters.
   */
  isValidId(id: string): boolean {
    return /^\P{C}{1,128}$/u.test(id);
  }

  /**
   * Whether any user has one of the roles. This implementation reads all users page by page. Override it if the store can
   * do it by one query.
   */
  async hasUserWithRole(roles: readonly string[], { exceptId, isActive = false }: RoleSearch = {}): Promise<boolean> {
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
