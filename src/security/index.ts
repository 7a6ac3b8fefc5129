export * from './address-list.js';
export { AllowAddresses, DenyAddresses } from './address.guard.js';
export * from './body-limit.js';
export * from './client-error.js';
export { CorsOrigins } from '../config/index.js';
export { HardenedHttp } from './hardened-http.js';
export * from './json-body.js';
export { RefuseOperators, assertNoOperatorNames } from './operator-keys.js';
export * from './outgoing/index.js';
export * from './page.js';
export * from './request-body.js';
export * from './reserved-keys.js';
export * from './response-headers.js';
export { SecurityModule } from './security.module.js';
export type {
  CompressionOptions,
  ControlCharacterRule,
  CorsOptions,
  RequestLimits,
  SecurityModuleOptions,
} from './security.options.js';
export * from './server-limits.js';
export { type SchemaOutput, type StandardSchema } from './schema-validation.js';
export * from './trust-proxy.js';
export * from './validation.js';
