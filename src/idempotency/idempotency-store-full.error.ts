/**
 * A store throws it from `begin()` if it has no room for another key. The client gets 503 `IDEMPOTENCY_UNAVAILABLE`. A
 * stored response is never deleted early to make room, because its request could then be executed twice.
 *
 * @publicApi
 */
export class IdempotencyStoreFullError extends Error {}
