export { referenceUsers, usersMigrations } from './create-users.migration.js';
export * from './typeorm-user.store.js';
export * from './user.entity.js';
export * from './user.store.js';
export * from './users.module.js';
export * from './users.service.js';
