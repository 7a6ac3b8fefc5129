export { CorsOrigins } from '../config/index.js';
export { AddressList } from './address-list.js';
export { AllowAddresses, DenyAddresses } from './address.guard.js';
export { BodyLimit } from './body-limit.js';
export { createClientErrorListener } from './client-error.js';
export { HardenedHttp } from './hardened-http.js';
export { RefuseOperators } from './operator-keys.js';
export { type Resolver } from './outgoing/checked-lookup.js';
export { type OutgoingErrorCode, OutgoingRequestError } from './outgoing/outgoing-error.js';
export { isPublicAddress } from './outgoing/public-address.js';
export { type SafeFetchOptions, type SafeResponse, safeFetch } from './outgoing/safe-fetch.js';
export { CspNonce, Page, type PageSources } from './page.js';
export { type Header, ResponseHeaders } from './response-headers.js';
export {
  createValidationPipe,
  type SchemaOutput,
  type StandardSchema,
  type ValidationOptions,
} from '../validation/index.js';
export { SecurityModule } from './security.module.js';
export {
  type CompressionOptions,
  type ControlCharacterRule,
  type CorsOptions,
  type RequestLimits,
  type SecurityModuleOptions,
} from './security.options.js';
export { type ClientTimeouts, setServerTimeouts } from './server-limits.js';
export { createTrustProxyOption } from './trust-proxy.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { MAX_PATH_LENGTH } from './path-rules.js';
