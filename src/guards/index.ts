export * from './guard-chain.js';
export * from './route-access.js';
export * from './route-memo.js';
