export { usersMigrations } from './create-users.migration.js';
export { TypeOrmUserStore, type UserEntity } from './typeorm-user.store.js';
export { Role } from './user.entity.js';
export {
  type RoleSearch,
  type UserChanges,
  type UserRecord,
  type UserSearch,
  UserStore,
  type UserWithPassword,
} from './user.store.js';
export { UsersModule } from './users.module.js';
export { type NewUser, UsersService, normalizeEmail, userTag } from './users.service.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { normalizeUserId } from './user-id.js';
/** @internal */
export { readUserIdType, referenceUsers } from './create-users.migration.js';
/** @internal */
export { User } from './user.entity.js';
