import { RawBody as NestRawBody } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { AbstractHttpAdapter, ModulesContainer } from '@nestjs/core';
import { addBodyRules, createBodyDecorator } from './body-rules.js';

type Handler = (...args: never[]) => unknown;

/**
 * Keeps the exact bytes of the body in `request.rawBody`, for example to check a signature. On a route or a class, the
 * handler reads them from the request, which has Nest's type `RawBodyRequest`. On a parameter, it also injects them, as
 * Nest's `@RawBody()` does. A request without a body has an empty Buffer.
 *
 * @publicApi
 */
export function RawBody(): MethodDecorator & ClassDecorator & ParameterDecorator {
  const decorate = createBodyDecorator({ rawBody: true });
  return (target: object, name?: PropertyKey, third?: number | PropertyDescriptor) => {
    if (typeof third !== 'number') {
      (decorate as (target: object, name?: PropertyKey, descriptor?: PropertyDescriptor) => void)(target, name, third);
      return;
    }
    NestRawBody()(target, name as string, third);
    addBodyRules((target as Record<PropertyKey, Handler>)[name as string] as Handler, { rawBody: true });
  };
}

/** Also keeps the bytes for routes that have Nest's own `@RawBody()`, which would otherwise inject undefined. */
export function keepInjectedRawBodies(modules: ModulesContainer): void {
  for (const { controllers } of modules.values()) {
    for (const { metatype } of controllers.values()) {
      if (typeof metatype === 'function') keepRawBodiesOf(metatype.prototype as object | undefined, metatype);
    }
  }
}

function keepRawBodiesOf(prototype: object | undefined, controller: object): void {
  for (let current = prototype; current && current !== Object.prototype; current = Object.getPrototypeOf(current)) {
    for (const name of Object.getOwnPropertyNames(current)) {
      const parameters = Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, name) as object | undefined;
      const isInjected = Object.keys(parameters ?? {}).some((key) => key.startsWith(`${RouteParamtypes.RAW_BODY}:`));
      if (isInjected) addBodyRules((current as Record<string, Handler>)[name] as Handler, { rawBody: true });
    }
  }
}

/** A method of Nest's adapters. It receives the options of `NestFactory.create()`. */
interface ServerAdapter {
  initHttpServer(options?: { readonly rawBody?: boolean }): void;
}

/** Calls `onRawBody` if the application was created with `{ rawBody: true }`. Nest creates the server after the providers. */
export function watchRawBodyOption(adapter: AbstractHttpAdapter, onRawBody: () => void): void {
  const server = adapter as unknown as ServerAdapter;
  const initHttpServer = server.initHttpServer.bind(adapter);
  server.initHttpServer = (options) => {
    if (options?.rawBody) onRawBody();
    initHttpServer(options);
  };
}
