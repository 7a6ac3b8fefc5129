export * from './create-idempotency-keys.migration.js';
export * from './idempotency.module.js';
export { IdempotencyService } from './idempotency.service.js';
export { type IdempotencyModuleOptions, type IdempotentOptions } from './idempotency.options.js';
export * from './idempotency.store.js';
export * from './idempotent.decorator.js';
export * from './memory.idempotency-store.js';
export * from './postgres.idempotency-store.js';
export * from './redis.idempotency-store.js';
