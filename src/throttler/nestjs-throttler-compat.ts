import type { ExecutionContext } from '@nestjs/common';

// The options, storages and details of @nestjs/throttler 6.7, so that code written for it compiles after its import is
// replaced. They are written out, so that nobody needs that package.

/** A value, or how to find it for a request. @publicApi */
export type Resolvable<T extends number | string | boolean> = T | ((context: ExecutionContext) => T | Promise<T>);

/** The adapter's request; which adapter, only the application knows. @publicApi */
export type ThrottlerGetTrackerFunction = (
  // oxlint-disable-next-line typescript/no-explicit-any -- as @nestjs/throttler declares it, so that its users' functions fit
  req: Record<string, any>,
  context: ExecutionContext,
) => Promise<string> | string;

/** @publicApi */
export type ThrottlerGenerateKeyFunction = (
  context: ExecutionContext,
  trackerString: string,
  throttlerName: string,
) => string;

/** A throttler in the shape of @nestjs/throttler; it holds every route, each counted for itself. @publicApi */
export interface ThrottlerOptions {
  /** @default 'default' */
  name?: string;
  /** Requests within `ttl`. */
  limit: Resolvable<number>;
  /** Window, in milliseconds. */
  ttl: Resolvable<number>;
  /** How long a refusal bars the client, in milliseconds. @default until the window has room again */
  blockDuration?: Resolvable<number>;
  /** User agents that are not counted. @default none */
  ignoreUserAgents?: RegExp[];
  /** Requests that are not counted. @default none */
  skipIf?: (context: ExecutionContext) => boolean;
  /** Who is counted. @default the client address */
  getTracker?: ThrottlerGetTrackerFunction;
  /** What is counted. @default tracker, route and name */
  generateKey?: ThrottlerGenerateKeyFunction;
  /** Whether responses tell of this throttler. @default true */
  setHeaders?: boolean;
}

/** What `@Throttle()` may set for a route. @publicApi */
export type ThrottlerRouteOptions = Partial<
  Pick<ThrottlerOptions, 'limit' | 'ttl' | 'blockDuration' | 'getTracker' | 'generateKey'>
>;

/** @publicApi */
export interface ThrottlerStorageRecord {
  totalHits: number;
  /** Seconds until the window ends. */
  timeToExpire: number;
  isBlocked: boolean;
  /** Seconds until the client is let through again. */
  timeToBlockExpire: number;
}

/** @publicApi */
export interface ThrottlerStorage {
  increment(
    key: string,
    ttl: number,
    limit: number,
    blockDuration: number,
    throttlerName: string,
  ): Promise<ThrottlerStorageRecord>;
}

/** Injection token of the storage, as in @nestjs/throttler. @publicApi */
export const ThrottlerStorage: unique symbol = Symbol('ThrottlerStorage');

/** @publicApi */
export interface ThrottlerLimitDetail extends ThrottlerStorageRecord {
  /** Window, in milliseconds. */
  ttl: number;
  limit: number;
  key: string;
  tracker: string;
}

/** @publicApi */
export interface ThrottlerRequest {
  context: ExecutionContext;
  limit: number;
  ttl: number;
  throttler: ThrottlerOptions;
  blockDuration: number;
  getTracker: ThrottlerGetTrackerFunction;
  generateKey: ThrottlerGenerateKeyFunction;
}
