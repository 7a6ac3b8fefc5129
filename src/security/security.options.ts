import type { HelmetOptions } from 'helmet';
import type { ClientTimeouts } from './server-limits.js';

/** How control characters in text are handled. NUL, for example, ends a string in C, and PostgreSQL rejects it. @publicApi */
export type ControlCharacterRule = 'refuse' | 'strip' | 'allow';

/** @publicApi */
export interface CorsOptions {
  /**
   * Allowed origins: an exact origin (`https://app.example.com`), or a pattern with one `*` for one label
   * (`https://*.app.example.com`). `*` alone allows every origin, without credentials.
   */
  origins: readonly string[];
  /** Whether browsers may send cookies and credentials. @default false */
  credentials?: boolean;
  /** How long a browser caches the response to a preflight, in seconds. @default 600 */
  maxAgeSeconds?: number;
  /** Response headers that scripts may read. @default the headers that this library sets */
  exposedHeaders?: readonly string[];
}

/** @publicApi */
export interface RequestLimits {
  /** Maximum size of a body, in bytes. `@BodyLimit()` sets another limit for a route. @default 1048576 */
  bodyBytes?: number;
  /** Maximum nesting of JSON. @default 64 */
  jsonDepth?: number;
  /** Maximum number of names in a JSON body, in all its objects. @default 10000 */
  jsonKeys?: number;
  /** Maximum number of fields in a form. @default 1000 */
  formFields?: number;
  /** Maximum length of the request target (path and query), in characters. @default 8192 */
  urlLength?: number;
  /** Maximum number of header fields. Node silently drops header fields over its own limit. @default 100 */
  headers?: number;
  /** Maximum number of query parameters. @default 100 */
  queryParameters?: number;
  /** How often one parameter may occur in a query. 1 allows no repetition. @default 20 */
  repeatedParameters?: number;
}

/** @publicApi */
export interface CompressionOptions {
  /** Minimum size of a body that is compressed, in bytes. Compression of smaller bodies costs more than it saves. @default 1024 */
  thresholdBytes?: number;
  /** 0 to 11. @default 4 */
  brotliQuality?: number;
  /** 1 to 9. @default 6 */
  gzipLevel?: number;
  /** 1 to 22; on Fastify alone. @default 3 */
  zstdLevel?: number;
}

/** Options of SecurityModule. @publicApi */
export interface SecurityModuleOptions {
  /** Options of helmet. HSTS is sent only over TLS. @default options for an API that serves no pages */
  headers?: HelmetOptions;
  /** Whether to add `preload` to HSTS, which is the consent to the preload lists of browsers. @default false */
  hstsPreload?: boolean;
  /** @default no other origin is allowed */
  cors?: CorsOptions;
  limits?: RequestLimits;
  /** Timeouts of the HTTP server against slow clients. */
  timeouts?: ClientTimeouts;
  /** Allowed methods. Other methods get 405. @default GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS */
  methods?: readonly string[];
  /** Rule for control characters in JSON, forms and queries. Tab, line feed and carriage return are allowed. @default 'refuse' */
  controlCharacters?: ControlCharacterRule;
  /** Whether to reject names that databases read as operators (`$gt`, `a.b`) on every route. @default false */
  refuseOperators?: boolean;
  /** Allowed addresses and networks (CIDR). Operational routes allow all addresses. @default all */
  allowAddresses?: readonly string[];
  /** Denied addresses and networks (CIDR). @default none */
  denyAddresses?: readonly string[];
  /** Whether responses to authenticated requests forbid storing, if the route sets no `Cache-Control`. @default true */
  noStore?: boolean;
  /**
   * Needs the package `compression` on Express, or `@fastify/compress` on Fastify. `false` disables compression, for example
   * if a proxy compresses.
   */
  compression?: CompressionOptions | false;
}

export const SECURITY_OPTIONS = Symbol('bulwark.securityOptions');
export const SECURITY_SETTINGS = Symbol('bulwark.securitySettings');

const DEFAULT_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

const DEFAULT_LIMITS: Required<RequestLimits> = {
  bodyBytes: 1_048_576,
  jsonDepth: 64,
  jsonKeys: 10_000,
  formFields: 1_000,
  urlLength: 8_192,
  headers: 100,
  queryParameters: 100,
  repeatedParameters: 20,
};

const DEFAULT_COMPRESSION: Required<CompressionOptions> = {
  thresholdBytes: 1_024,
  brotliQuality: 4,
  gzipLevel: 6,
  zstdLevel: 3,
};

/** The options with all defaults. */
export interface SecuritySettings extends SecurityModuleOptions {
  readonly limits: Required<RequestLimits>;
  readonly methods: readonly string[];
  readonly controlCharacters: ControlCharacterRule;
  readonly noStore: boolean;
  readonly compression: Required<CompressionOptions> | false;
}

export function createSecuritySettings(options: SecurityModuleOptions): SecuritySettings {
  const { limits, compression, methods = DEFAULT_METHODS, controlCharacters = 'refuse', noStore = true } = options;
  return Object.freeze({
    ...options,
    methods,
    controlCharacters,
    noStore,
    limits: { ...DEFAULT_LIMITS, ...limits },
    compression: compression === false ? false : { ...DEFAULT_COMPRESSION, ...compression },
  });
}
