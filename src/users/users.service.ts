import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { QueryFailedError, Repository } from 'typeorm';
import { ProblemException, uuidv7 } from '../common/index.js';
import { User } from './user.entity.js';

/** @publicApi */
export interface NewUser {
  email: string;
  name: string;
  passwordHash: string;
  roles: string[];
}

/** What may change of a user; what is left out stays. @publicApi */
export type UserChanges = Partial<
  Pick<User, 'email' | 'name' | 'passwordHash' | 'roles' | 'lockedAt' | 'emailVerifiedAt'>
>;

/** @publicApi */
export interface UserSearch {
  /** Part of the email or of the name, in any letter case. */
  search?: string;
  /** Id of the last user of the page before. */
  after?: string;
  limit: number;
}

const UNIQUE_VIOLATION = '23505';

/** One spelling for addresses that differ only in letter case, outer space or Unicode composition. */
export function normalizeEmail(email: string): string {
  return email.trim().normalize('NFKC').toLowerCase();
}

/** @publicApi */
@Injectable()
export class UsersService {
  constructor(@InjectRepository(User) private readonly users: Repository<User>) {}

  /**
   * Adds a user. Two requests for one address at the same moment are told apart by the database's own constraint.
   *
   * @throws ProblemException `EMAIL_TAKEN`
   */
  async create(user: NewUser): Promise<User> {
    const row = this.users.create({ ...user, id: uuidv7(), email: normalizeEmail(user.email) });
    await unlessTaken(() => this.users.insert(row));
    return this.get(row.id);
  }

  /** @throws ProblemException `NOT_FOUND` */
  async get(id: string): Promise<User> {
    const user = await this.users.findOneBy({ id });
    if (!user) throw new ProblemException('NOT_FOUND', 'There is no such user.');
    return user;
  }

  /** The user with the password hash, which other reads leave out. */
  findForLogin(email: string): Promise<User | null> {
    return this.users
      .createQueryBuilder('user')
      .addSelect('user.passwordHash')
      .where('user.email = :email', { email: normalizeEmail(email) })
      .getOne();
  }

  /** @throws ProblemException `NOT_FOUND`, `EMAIL_TAKEN` */
  async update(id: string, changes: UserChanges): Promise<User> {
    const { email, ...rest } = changes;
    const row = { ...rest, ...(email !== undefined && { email: normalizeEmail(email) }) };
    await unlessTaken(() => this.users.update({ id }, row));
    return this.get(id);
  }

  /** Users in the order of their ids, which is that of their registration. */
  search({ search, after, limit }: UserSearch): Promise<User[]> {
    const query = this.users.createQueryBuilder('user').orderBy('user.id').limit(limit);
    if (after !== undefined) query.andWhere('user.id > :after', { after });
    // position() takes the text as it is: with LIKE, % and _ would be wildcards.
    if (search !== undefined) {
      const needle = search.normalize('NFKC').toLowerCase();
      query.andWhere('(position(:needle IN user.email) > 0 OR position(:needle IN lower(user.name)) > 0)', { needle });
    }
    return query.getMany();
  }

  async delete(id: string): Promise<void> {
    await this.users.delete({ id });
  }
}

async function unlessTaken(write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (error instanceof QueryFailedError && (error.driverError as { code?: string }).code === UNIQUE_VIOLATION) {
      throw new ProblemException('EMAIL_TAKEN', 'An account with this email exists. Log in, or use another address.');
    }
    throw error;
  }
}
