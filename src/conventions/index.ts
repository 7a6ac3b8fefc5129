export * from './conventions.module.js';
export * from './cursor.codec.js';
export * from './deprecated.decorator.js';
export * from './envelope.js';
export * from './etag.decorator.js';
export * from './etag.js';
export * from './page.js';
export * from './paginated.decorator.js';
