// For other folders of this project. The published types do not have these names.
/** @internal */
export {
  EVERYTHING,
  InvalidationChannel,
  type InvalidationHandler,
  type InvalidationKey,
} from './invalidation-channel.js';
/** @internal */
export { type MessageTransport, type TransportListener } from './message-transport.js';
/** @internal */
export { RedisTransport } from './redis.transport.js';
