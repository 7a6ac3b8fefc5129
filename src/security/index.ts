export { CorsOrigins } from '../config/index.js';
export { AcceptBody } from './accept-body.js';
export { AddressList } from './address-list.js';
export { AllowAddresses, DenyAddresses } from './address.guard.js';
export { BodyLimit, type BodyLimitOptions } from './body-limit.js';
export { createClientErrorListener } from './client-error.js';
export { HardenedHttp } from './hardened-http.js';
export { type StreamedBody } from './media-types.js';
export { RefuseOperators } from './operator-keys.js';
export { type Resolver } from './outgoing/checked-lookup.js';
export { type OutgoingErrorCode, OutgoingRequestError } from './outgoing/outgoing-error.js';
export { isPublicAddress } from './outgoing/public-address.js';
export { type SafeFetchOptions, type SafeResponse, safeFetch } from './outgoing/safe-fetch.js';
export { CspNonce, Page, type PageSources } from './page.js';
export { RawBody } from './raw-body.js';
export { type Header, ResponseHeaders } from './response-headers.js';
export {
  createValidationPipe,
  type SchemaOutput,
  type StandardSchema,
  type ValidationOptions,
} from '../validation/index.js';
export { SecurityModule } from './security.module.js';
export {
  type BodyCoding,
  type CompressionOptions,
  type ControlCharacterRule,
  type CorsOptions,
  type RequestLimits,
  type SecurityModuleOptions,
} from './security.options.js';
export { type ClientTimeouts, setServerTimeouts } from './server-limits.js';
export { createTrustProxyOption } from './trust-proxy.js';
export {
  createFileOptions,
  type FileInterceptorOptions,
  type FileRules,
  Upload,
  type UploadOptions,
} from './upload.js';
export { Webhook } from './webhooks/webhook.decorator.js';
export { WebhookSignatureGuard } from './webhooks/webhook.guard.js';
export { type WebhookOptions } from './webhooks/webhook.options.js';
export { type WebhookScheme } from './webhooks/webhook-schemes.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { MAX_PATH_LENGTH } from './path-rules.js';
/** @internal */
export { SECURITY_SETTINGS, type SecuritySettings } from './security.options.js';
