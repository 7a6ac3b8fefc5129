import { RequestMethod, VERSION_NEUTRAL, type INestApplication, type Type } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA, VERSION_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';

export interface ControllerRoute {
  readonly method: string;
  /** Has no version if the route is version-neutral. Parameters are written as `:name`. */
  readonly path: string;
}

const METHODS: Partial<Record<RequestMethod, string>> = {
  [RequestMethod.GET]: 'GET',
  [RequestMethod.POST]: 'POST',
  [RequestMethod.PUT]: 'PUT',
  [RequestMethod.PATCH]: 'PATCH',
  [RequestMethod.DELETE]: 'DELETE',
};

/** The routes of all controllers, read from their decorators. */
export function controllerRoutes(app: INestApplication): ControllerRoute[] {
  const scanner = new MetadataScanner();
  const routes = new Map<string, ControllerRoute>();
  for (const { controllers } of app.get(ModulesContainer).values()) {
    for (const { metatype } of controllers.values()) {
      const controller = metatype as Type;
      const prototype = controller.prototype as Record<string, object>;
      for (const name of scanner.getAllMethodNames(prototype)) {
        const handler = prototype[name] as object;
        const method = METHODS[Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod];
        if (method === undefined) continue;
        const versions = listOf(
          Reflect.getMetadata(VERSION_METADATA, handler) ?? Reflect.getMetadata(VERSION_METADATA, controller) ?? '1',
        );
        const version = versions.includes(VERSION_NEUTRAL) ? [] : [`v${String(versions[0])}`];
        for (const base of listOf(Reflect.getMetadata(PATH_METADATA, controller))) {
          for (const rest of listOf(Reflect.getMetadata(PATH_METADATA, handler))) {
            const parts = [...version, String(base), String(rest)].flatMap((part) => part.split('/')).filter(Boolean);
            const path = `/${parts.join('/')}`;
            routes.set(`${method} ${path}`, { method, path });
          }
        }
      }
    }
  }
  return [...routes.values()];
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value];
}
