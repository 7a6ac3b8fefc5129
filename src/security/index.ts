export * from './json-body.js';
export * from './response-headers.js';
export * from './trust-proxy.js';
export * from './validation.js';
