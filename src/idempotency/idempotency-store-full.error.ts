/**
 * A store throws it from `begin()` where it has no room for another key. The client gets 503 `IDEMPOTENCY_UNAVAILABLE`: a
 * kept answer is never forgotten early to make room, because its request would then be done twice.
 *
 * @publicApi
 */
export class IdempotencyStoreFullError extends Error {}
