export * from './check-result.js';
export * from './github-annotations.js';
export * from './junit.js';
export * from './pretty.js';
export * from './sarif.js';
export * from './timed.js';
