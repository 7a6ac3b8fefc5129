export { type Resolver } from './checked-lookup.js';
export * from './outgoing-error.js';
export { isPublicAddress } from './public-address.js';
export * from './safe-fetch.js';
