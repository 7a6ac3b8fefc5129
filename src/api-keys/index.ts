export { ApiKey } from './api-key.entity.js';
export { ApiKeyView, CreateApiKeyDto, NewApiKeyView } from './api-keys.dto.js';
export { ApiKeysModule, type ApiKeysModuleOptions } from './api-keys.module.js';
export { ApiKeysService } from './api-keys.service.js';
export { apiKeysMigrations } from './create-api-keys.migration.js';
