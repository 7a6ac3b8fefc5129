export * from './app-config.js';
export * from './config-error.js';
export * from './config.module.js';
export * from './development-secret.js';
export * from './env-example.js';
export { checksCertificates, readEnvironment, type Environment } from './environment.js';
export * from './load-config.js';
export { THROTTLE_TIERS, type ThrottleTierName } from './variables/throttle.js';
export {
  isLocalHost,
  postgresConnection,
  redisConnection,
  mailConnection,
  type ServerConnection,
} from './transport-security.js';
export { weaknessOf } from './secret-strength.js';
export * from './units.js';
export * from './cors-origins.js';
