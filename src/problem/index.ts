export * from './database-outage.js';
export * from './error-codes.js';
export * from './problem.js';
export * from './problem.filter.js';
