export { idempotencyMigrations } from './create-idempotency-keys.migration.js';
export { IdempotencyStoreFullError } from './idempotency-store-full.error.js';
export { IdempotencyModule } from './idempotency.module.js';
export {
  type IdempotencyModuleExtras,
  type IdempotencyModuleOptions,
  type IdempotentOptions,
} from './idempotency.options.js';
export { IdempotencyService } from './idempotency.service.js';
export {
  type IdempotencyClaim,
  type IdempotencyState,
  type IdempotencyStore,
  type StoredResponse,
} from './idempotency.store.js';
export { Idempotent } from './idempotent.decorator.js';
export { type MemoryUsage } from './memory-budget.js';
export { type MemoryIdempotencyOptions, MemoryIdempotencyStore } from './memory.idempotency-store.js';
export { OperationId, currentOperationId } from './operation-id.js';
export { type IdempotencyDatabase, PostgresIdempotencyStore } from './postgres.idempotency-store.js';
export { type IdempotencyRedis, RedisIdempotencyStore } from './redis.idempotency-store.js';
