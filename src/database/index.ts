export * from './data-source.js';
export * from './database.health.js';
export * from './database.module.js';
export * from './database.options.js';
export * from './database.server.js';
export * from './embedded/embedded-postgres.js';
export * from './migrate.js';
export * from './reach-database.js';
