import { Inject, Optional, UseInterceptors } from '@nestjs/common';
import { PATH_METADATA } from '@nestjs/common/constants.js';
import { currentContext } from '../context/index.js';
import { keyText, ownerName, shortKey } from './cache-key.js';
import { CacheService } from './cache.service.js';
import { CachedRouteInterceptor } from './cached-route.interceptor.js';
import { CACHED, requestOf, tagsOf, type CachedOptions } from './cached.options.js';
import { partitionOf, UNKNOWN_CALLER } from './partition.js';

type Method = (this: object, ...args: unknown[]) => unknown;

const SERVICE = Symbol('bulwark.cacheService');

/**
 * Caches the results of a method, or of a route if the method is a route handler. The method then returns a promise. It
 * needs CacheModule; an object that Nest did not create works without a cache.
 *
 * @publicApi
 */
export function Cached(options: CachedOptions = {}): MethodDecorator {
  return (target: object, property: string | symbol, descriptor: PropertyDescriptor) => {
    const original = descriptor.value as Method;
    // Nest sets this property on each instance, for providers of any scope.
    Inject(CacheService)(target, SERVICE);
    Optional()(target, SERVICE);
    let isRoute: boolean | undefined;
    const cached: Method = function (this: object, ...args: unknown[]) {
      isRoute ??= Reflect.hasMetadata(PATH_METADATA, cached);
      const cache = (this as { [SERVICE]?: CacheService })[SERVICE];
      if (isRoute || !cache) return original.apply(this, args);
      return callCached(cache, `${ownerName(this.constructor)}.${String(property)}`, options, args, () =>
        original.apply(this, args),
      );
    };
    Object.defineProperty(cached, 'name', { value: original.name });
    for (const key of Reflect.getMetadataKeys(original) as unknown[]) {
      Reflect.defineMetadata(key, Reflect.getMetadata(key, original), cached);
    }
    descriptor.value = cached;
    Reflect.defineMetadata(CACHED, options, cached);
    UseInterceptors(CachedRouteInterceptor)(target, property, descriptor);
  };
}

async function callCached(
  cache: CacheService,
  name: string,
  options: CachedOptions,
  args: unknown[],
  load: () => unknown,
): Promise<unknown> {
  const { key } = options;
  const text = typeof key === 'function' ? key(...args) : (key ?? keyText(args));
  const context = currentContext();
  const { tenantOf, credentialHeaders } = cache.settings;
  const isAnonymous = context?.isAnonymous(credentialHeaders) ?? false;
  const partition = partitionOf(options.scope, isAnonymous, context?.principal, tenantOf);
  if (text === undefined || partition === undefined) {
    if (text === undefined && key === undefined)
      cache.warn(name, 'its arguments are not plain values. Set the option key');
    if (partition === undefined && options.scope === undefined) cache.warn(name, UNKNOWN_CALLER);
    cache.bypassed(name);
    return load();
  }
  const request = requestOf(name, shortKey(JSON.stringify([partition, text])), options, tagsOf(options, args));
  return cache.wrap(request, load);
}
