import { Injectable } from '@nestjs/common';
import { DataSource, QueryFailedError, type Repository } from 'typeorm';
import { managerOf } from '../database/index.js';
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

/** Users in the table `users`. @publicApi */
@Injectable()
export class TypeOrmUserStore extends UserStore {
  private readonly findByEmailSql: string;

  constructor(private readonly source: DataSource) {
    super();
    const { columns, tablePath } = source.getMetadata(User);
    const fields = columns.map(({ databaseName, propertyName }) => `"${databaseName}" AS "${propertyName}"`);
    this.findByEmailSql = `SELECT ${fields.join(', ')} FROM ${tablePath} WHERE email = $1`;
  }

  insert(user: UserWithPassword): Promise<boolean> {
    return returnFalseIfTaken(() => this.users.insert(user));
  }

  findById(id: string): Promise<UserRecord | null> {
    return this.users.findOneBy({ id });
  }

  /**
   * Reads the row without a TypeORM entity. TypeORM creates an entity only if there is a user, and that takes long enough
   * to reveal in the time of a login whether the address is known.
   */
  async findByEmail(email: string): Promise<UserWithPassword | null> {
    const [user] = await managerOf(this.source).query<UserWithPassword[]>(this.findByEmailSql, [email]);
    return user ?? null;
  }

  update(id: string, changes: UserChanges): Promise<boolean> {
    return returnFalseIfTaken(() => this.users.update({ id }, changes));
  }

  search({ search, after, before, limit }: UserSearch): Promise<UserRecord[]> {
    const order = before === undefined ? 'ASC' : 'DESC';
    const query = this.users.createQueryBuilder('user').orderBy('user.id', order).limit(limit);
    if (after !== undefined) query.andWhere('user.id > :after', { after });
    if (before !== undefined) query.andWhere('user.id < :before', { before });
    // position() compares text literally. With LIKE, % and _ would be wildcards.
    if (search !== undefined) {
      const needle = search.normalize('NFKC').toLowerCase();
      query.andWhere('(position(:needle IN user.email) > 0 OR position(:needle IN lower(user.name)) > 0)', { needle });
    }
    return query.getMany();
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
  private get users(): Repository<User> {
    return managerOf(this.source).getRepository(User);
  }
}

/** Returns false if the address is taken. The unique constraint of the database also decides between parallel requests. */
async function returnFalseIfTaken(write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    const { code } = error instanceof QueryFailedError ? (error.driverError as { code?: string }) : {};
    if (code === UNIQUE_VIOLATION) return false;
    throw error;
  }
}
