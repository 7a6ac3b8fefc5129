export * from './production-test.module.js';
export * from './production-test.service.js';
export * from './self-client.js';
export * from './self-test.check.js';
