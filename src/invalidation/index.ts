export * from './invalidation-channel.js';
export * from './message-transport.js';
export * from './redis.transport.js';
