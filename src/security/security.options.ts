import type { HelmetOptions } from 'helmet';

/** What happens to text with control characters: NUL ends a string in C and is no text to PostgreSQL. @publicApi */
export type ControlCharacterRule = 'refuse' | 'strip' | 'allow';

/** @publicApi */
export interface CorsOptions {
  /**
   * Origins that browsers may call from: exact ones (`https://app.example.com`), or patterns with one `*` for one label
   * (`https://*.app.example.com`). `*` alone is everybody, without credentials.
   */
  origins: readonly string[];
  /** Whether cookies and credentials come along. @default false */
  credentials?: boolean;
  /** How long a browser keeps the answer to a preflight, seconds. @default 600 */
  maxAgeSeconds?: number;
  /** Response headers that scripts may read. @default those that the suite sets */
  exposedHeaders?: readonly string[];
}

/** @publicApi */
export interface RequestLimits {
  /** Largest body, bytes; `@BodyLimit()` sets another for a route. @default 1048576 */
  bodyBytes?: number;
  /** Deepest nesting of JSON. @default 64 */
  jsonDepth?: number;
  /** Most names of a JSON body, over all its objects. @default 10000 */
  jsonKeys?: number;
  /** Most fields of a form. @default 1000 */
  formFields?: number;
  /** Longest request target, path and query, in characters. @default 8192 */
  urlLength?: number;
  /** Most header fields; Node drops those beyond its own limit without a word. @default 100 */
  headers?: number;
  /** Most parameters of a query. @default 100 */
  queryParameters?: number;
  /** How often one parameter may stand in a query; 1 refuses all repetition. @default 20 */
  repeatedParameters?: number;
}

/** @publicApi */
export interface CompressionOptions {
  /** Smaller bodies cost more to compress than they save, bytes. @default 1024 */
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
  /** Options of helmet, instead of those of an API that serves no pages. HSTS is only sent over TLS. */
  headers?: HelmetOptions;
  /** Adds `preload` to HSTS: consent to be put on the lists that browsers carry. @default false */
  hstsPreload?: boolean;
  /** @default no other origin may call */
  cors?: CorsOptions;
  limits?: RequestLimits;
  /** Methods that are served; others get 405. @default GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS */
  methods?: readonly string[];
  /** Control characters in JSON, forms and queries; tab, line feed and carriage return are text. @default 'refuse' */
  controlCharacters?: ControlCharacterRule;
  /** Refuses names that databases take for operators (`$gt`, `a.b`) on every route. @default false */
  refuseOperators?: boolean;
  /** Addresses and networks (CIDR) that may come in; unset: all. Operational routes are open to all of them. */
  allowAddresses?: readonly string[];
  /** Addresses and networks (CIDR) that may not come in. */
  denyAddresses?: readonly string[];
  /** Whether responses of authenticated requests forbid storing, unless the route says otherwise. @default true */
  noStore?: boolean;
  /**
   * Needs the package `compression` on Express, `@fastify/compress` on Fastify. `false` leaves compression to the proxy in
   * front.
   */
  compression?: CompressionOptions | false;
}

export const SECURITY_OPTIONS = Symbol('bulwark.securityOptions');
export const SECURITY_SETTINGS = Symbol('bulwark.securitySettings');

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

const LIMITS: Required<RequestLimits> = {
  bodyBytes: 1_048_576,
  jsonDepth: 64,
  jsonKeys: 10_000,
  formFields: 1_000,
  urlLength: 8_192,
  headers: 100,
  queryParameters: 100,
  repeatedParameters: 20,
};

const COMPRESSION: Required<CompressionOptions> = {
  thresholdBytes: 1_024,
  brotliQuality: 4,
  gzipLevel: 6,
  zstdLevel: 3,
};

/** The options with every default filled in. */
export interface SecuritySettings extends SecurityModuleOptions {
  readonly limits: Required<RequestLimits>;
  readonly methods: readonly string[];
  readonly controlCharacters: ControlCharacterRule;
  readonly noStore: boolean;
  readonly compression: Required<CompressionOptions> | false;
}

export function settingsOf(options: SecurityModuleOptions): SecuritySettings {
  const { limits, compression, methods = METHODS, controlCharacters = 'refuse', noStore = true } = options;
  return Object.freeze({
    ...options,
    methods,
    controlCharacters,
    noStore,
    limits: { ...LIMITS, ...limits },
    compression: compression === false ? false : { ...COMPRESSION, ...compression },
  });
}
