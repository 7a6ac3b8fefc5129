import type { Type } from '@nestjs/common';
import { PATH_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner, type ModulesContainer } from '@nestjs/core';

export interface RouteHandler {
  readonly controller: Type;
  readonly handler: (...args: never[]) => unknown;
}

/** The route handlers of all controllers, for checks at start. */
export function listHandlers(modules: ModulesContainer): RouteHandler[] {
  const scanner = new MetadataScanner();
  return [...modules.values()]
    .flatMap(({ controllers }) => [...controllers.values()])
    .flatMap(({ metatype }) => {
      const controller = metatype as Type;
      const prototype = controller.prototype as Record<string, RouteHandler['handler']>;
      return scanner
        .getAllMethodNames(prototype)
        .map((name) => prototype[name])
        .filter((handler) => handler !== undefined)
        .filter((handler) => Reflect.hasMetadata(PATH_METADATA, handler))
        .map((handler) => ({ controller, handler }));
    });
}
