export * from './client-error.js';
export * from './content-coding.js';
export * from './json-body.js';
export * from './request-body.js';
export * from './reserved-keys.js';
export * from './response-headers.js';
export * from './trust-proxy.js';
export * from './validation.js';
