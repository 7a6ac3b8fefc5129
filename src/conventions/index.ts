export { ConventionsModule, type ConventionsModuleOptions } from './conventions.module.js';
export { CursorCodec, type CursorPosition } from './cursor.codec.js';
export { Deprecated, type DeprecatedOptions } from './deprecated.decorator.js';
export { Envelope, type Enveloped, NoEnvelope } from './envelope.js';
export { ETag, type ETagOptions } from './etag.decorator.js';
export { isNoneMatch, requireMatch, strongEtag, weakEtag } from './etag.js';
export {
  type KeysetColumn,
  type KeysetOptions,
  type KeysetQuery,
  type ListPage,
  type PageOptions,
  createPageLinks,
  createPageQuerySchema,
  readKeysetPage,
  readPage,
} from './page.js';
export { Paginated } from './paginated.decorator.js';
