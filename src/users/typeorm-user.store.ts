import { Injectable } from '@nestjs/common';
import { DataSource, QueryFailedError, type Repository } from 'typeorm';
import { managerOf } from '../database/index.js';
import { isUuid } from './user-id.js';
import { User } from './user.entity.js';
import {
  UserStore,
  type RoleSearch,
  type UserChanges,
  type UserRecord,
  type UserSearch,
  type UserWithPassword,
} from './user.store.js';

const UNIQUE_VIOLATION = '23505';

/**
 * An entity with the properties of a user, in any table and with further columns. Its id can be a text, a UUID or an integer,
 * and the database can generate it. `roles` is a column of the type `text[]`, `email` has a unique constraint.
 *
 * @publicApi
 */
export type UserEntity = new () => Omit<UserWithPassword, 'id'> & { id: string | number };

type Row = InstanceType<UserEntity>;

/** Largest integers of the types of PostgreSQL. */
const MAX_INTEGERS: Readonly<Record<string, bigint>> = {
  smallint: 2n ** 15n - 1n,
  integer: 2n ** 31n - 1n,
  bigint: 2n ** 63n - 1n,
};

/**
 * Users in the table `users`, or in the table of an entity of the application: extend this class, and pass the entity to its
 * constructor.
 *
 * @publicApi
 */
@Injectable()
export class TypeOrmUserStore extends UserStore {
  private readonly findByEmailSql: string;
  private readonly idType: string;
  private readonly isIdGenerated: boolean;

  /** @param entity entity of the users. @default that of the table `users` */
  constructor(
    private readonly source: DataSource,
    private readonly entity: UserEntity = User,
  ) {
    super();
    const { columns, tablePath, primaryColumns } = source.getMetadata(entity);
    const [id] = primaryColumns;
    if (primaryColumns.length !== 1 || id?.propertyName !== 'id') {
      throw new TypeError(`The entity ${entity.name} of users must have one primary column, with the property id.`);
    }
    this.idType = source.driver.normalizeType(id);
    this.isIdGenerated = id.isGenerated;
    const emailColumn = columns.find(({ propertyName }) => propertyName === 'email')?.databaseName ?? 'email';
    const fields = columns.map(({ databaseName, propertyName }) => `"${databaseName}" AS "${propertyName}"`);
    this.findByEmailSql = `SELECT ${fields.join(', ')} FROM ${tablePath} WHERE ${emailColumn} = $1`;
  }

  override isValidId(id: string): boolean {
    const maxInteger = MAX_INTEGERS[this.idType];
    if (maxInteger !== undefined) return /^\d{1,19}$/.test(id) && BigInt(id) <= maxInteger;
    return this.idType === 'uuid' ? isUuid(id) : super.isValidId(id);
  }

  async insert(user: UserWithPassword): Promise<boolean | { id: string }> {
    if (!this.isIdGenerated) return (await ifNotTaken(() => this.users.insert(user))) !== undefined;
    const { id: _id, ...columns } = user;
    const inserted = await ifNotTaken(() => this.users.insert(columns));
    return inserted !== undefined && { id: String(inserted.identifiers[0]?.['id']) };
  }

  async findById(id: string): Promise<UserRecord | null> {
    const user = await this.users.findOneBy({ id });
    return user && withTextId(user);
  }

  /**
   * Reads the row without a TypeORM entity. TypeORM creates an entity only if there is a user, and that takes long enough
   * to reveal in the time of a login whether the address is known.
   */
  async findByEmail(email: string): Promise<UserWithPassword | null> {
    const [user] = await managerOf(this.source).query<Row[]>(this.findByEmailSql, [email]);
    return user ? withTextId(user) : null;
  }

  async update(id: string, changes: UserChanges): Promise<boolean> {
    return (await ifNotTaken(() => this.users.update({ id }, changes))) !== undefined;
  }

  async search({ search, after, before, limit }: UserSearch): Promise<UserRecord[]> {
    const order = before === undefined ? 'ASC' : 'DESC';
    const query = this.users.createQueryBuilder('user').orderBy('user.id', order).limit(limit);
    if (after !== undefined) query.andWhere('user.id > :after', { after });
    if (before !== undefined) query.andWhere('user.id < :before', { before });
    // position() compares text literally. With LIKE, % and _ would be wildcards.
    if (search !== undefined) {
      const needle = search.normalize('NFKC').toLowerCase();
      query.andWhere('(position(:needle IN user.email) > 0 OR position(:needle IN lower(user.name)) > 0)', { needle });
    }
    return (await query.getMany()).map(withTextId);
  }

  async delete(id: string): Promise<void> {
    await this.users.delete({ id });
  }

  override async hasUserWithRole(
    roles: readonly string[],
    { exceptId, isActive = false }: RoleSearch = {},
  ): Promise<boolean> {
    const query = this.users.createQueryBuilder('user').where('user.roles && ARRAY[:...roles]::text[]', { roles });
    if (exceptId !== undefined) query.andWhere('user.id <> :exceptId', { exceptId });
    if (isActive) query.andWhere('user.lockedAt IS NULL AND user.deactivatedAt IS NULL');
    return query.getExists();
  }

  /** Uses the open transaction, if there is one. */
  private get users(): Repository<Row> {
    return managerOf(this.source).getRepository(this.entity);
  }
}

/** Ids are texts outside of the database. */
function withTextId(row: Row): UserWithPassword {
  return Object.assign(row, { id: String(row.id) });
}

/** Returns undefined if the address is taken. The unique constraint of the database also decides between parallel requests. */
async function ifNotTaken<T>(write: () => Promise<T>): Promise<T | undefined> {
  try {
    return await write();
  } catch (error) {
    const { code } = error instanceof QueryFailedError ? (error.driverError as { code?: string }) : {};
    if (code === UNIQUE_VIOLATION) return undefined;
    throw error;
  }
}
