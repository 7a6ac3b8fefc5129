export * from './add-user-locks.migration.js';
export * from './allow-configured-roles.migration.js';
export * from './create-users.migration.js';
export * from './user.entity.js';
export * from './users.module.js';
export * from './users.service.js';
