export { API_KEY_PREFIX } from './api-key-format.js';
export * from './api-key.entity.js';
export * from './api-keys.dto.js';
export * from './api-keys.module.js';
export * from './api-keys.service.js';
export { apiKeysMigrations } from './create-api-keys.migration.js';
