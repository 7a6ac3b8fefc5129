export { AppConfig } from './app-config.js';
export { ConfigError } from './config-error.js';
export { CorsOrigins } from './cors-origins.js';
export { type Environment, readEnvironment } from './environment.js';
export { type LoadedConfig, loadConfig } from './load-config.js';
export { parseByteSize, parseDuration } from './units.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { ConfigModule } from './config.module.js';
/** @internal */
export { developmentSecret } from './development-secret.js';
/** @internal */
export { checksCertificates } from './environment.js';
/** @internal */
export { weaknessOf } from './secret-strength.js';
/** @internal */
export { isLocalHost, mailConnection, postgresConnection, redisConnection } from './transport-security.js';
