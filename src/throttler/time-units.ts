// Milliseconds, as @nestjs/throttler names them: `ttl: minutes(1)`.

/** @publicApi */
export const seconds = (howMany: number): number => howMany * 1_000;
/** @publicApi */
export const minutes = (howMany: number): number => howMany * 60_000;
/** @publicApi */
export const hours = (howMany: number): number => howMany * 3_600_000;
/** @publicApi */
export const days = (howMany: number): number => howMany * 86_400_000;
/** @publicApi */
export const weeks = (howMany: number): number => howMany * 604_800_000;
