export * from './client-address.js';
export * from './credentials.js';
export * from './http-context.js';
export * from './principal.js';
export * from './request-context.js';
export * from './request-context.hook.js';
export * from './request-path.js';
export * from './response-hold.js';
