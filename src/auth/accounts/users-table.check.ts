import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { DataSourceError, InjectModuleDataSource } from '../../database/index.js';
import { UserStore } from '../../users/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';

const REFERENCE = `SELECT FROM pg_constraint WHERE conrelid = to_regclass('auth_sessions') AND contype = 'f'`;

/**
 * Where the migrations have created the table `users`, sessions refer to it. Users in another place could then register and
 * not log in.
 */
@Injectable()
export class UsersTableCheck implements OnModuleInit {
  constructor(
    @InjectModuleDataSource() private readonly source: DataSource,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    private readonly users: UserStore,
  ) {}

  /** @throws DataSourceError */
  async onModuleInit(): Promise<void> {
    if (this.settings.userStore === undefined) return;
    if ((await this.source.query<unknown[]>(REFERENCE)).length === 0) return;
    const [user] = await this.users.search({ limit: 1 });
    const known = user && (await this.source.query<unknown[]>('SELECT FROM users WHERE id::text = $1', [user.id]));
    if (known === undefined || known.length > 0) return;
    throw new DataSourceError(
      'AuthModule has a userStore, but its sessions refer to the table users of nest-bulwark',
      'leave usersMigrations out of the migrations, and run authMigrations in a database without that table',
    );
  }
}
