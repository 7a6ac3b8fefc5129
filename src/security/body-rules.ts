import 'reflect-metadata';
import type { MediaRange } from './media-types.js';

/** What a route declares about the body of its requests. A missing member means the value of the module. */
export interface BodyRules {
  readonly limitBytes?: number;
  /** Time in which the whole body must arrive. */
  readonly timeoutMs?: number;
  readonly accepted?: readonly MediaRange[];
  readonly rawBody?: boolean;
}

const BODY_RULES = 'bulwark:body-rules';
/**
 * Metadata key of `@RouteConfig()` of @nestjs/platform-fastify. A constant here, because an application on Express does
 * not install that package.
 */
const FASTIFY_ROUTE_CONFIG = '__fastify_route_config__';

type Handler = (...args: never[]) => unknown;

/** Creates a decorator that adds rules to a route, or to the routes that a class declares. The rules of a route win. */
export function createBodyDecorator(rules: BodyRules): MethodDecorator & ClassDecorator {
  return ((target: object, _name?: PropertyKey, descriptor?: PropertyDescriptor) => {
    if (descriptor) addBodyRules(descriptor.value as Handler, rules);
    else for (const handler of getMethods(target as new () => object)) addDefaultBodyRules(handler, rules);
  }) as MethodDecorator & ClassDecorator;
}

/** @throws TypeError if the rules contradict each other */
export function addBodyRules(handler: Handler, rules: BodyRules): void {
  setBodyRules(handler, { ...getHandlerBodyRules(handler), ...rules });
}

function addDefaultBodyRules(handler: Handler, rules: BodyRules): void {
  setBodyRules(handler, { ...rules, ...getHandlerBodyRules(handler) });
}

function setBodyRules(handler: Handler, rules: BodyRules): void {
  const streamed = rules.accepted?.find(({ isStream }) => isStream);
  if (rules.rawBody && streamed) {
    throw new TypeError(
      `${handler.name}() asks for rawBody, and accepts ${streamed.range}, which is never completely in memory. ` +
        'Use two routes.',
    );
  }
  Reflect.defineMetadata(BODY_RULES, rules, handler);
  const config = Reflect.getMetadata(FASTIFY_ROUTE_CONFIG, handler) as object | undefined;
  Reflect.defineMetadata(FASTIFY_ROUTE_CONFIG, { ...config, [BODY_RULES]: rules }, handler);
}

function getMethods({ prototype }: new () => object): Handler[] {
  return Object.entries(Object.getOwnPropertyDescriptors(prototype))
    .filter(([name, { value }]) => name !== 'constructor' && typeof value === 'function')
    .map(([, { value }]) => value as Handler);
}

/** Returns the rules of an Express route, from the function that the router calls. Nest copies the metadata to it. */
export function getHandlerBodyRules(handler: unknown): BodyRules | undefined {
  return typeof handler === 'function'
    ? (Reflect.getMetadata(BODY_RULES, handler) as BodyRules | undefined)
    : undefined;
}

/** Returns the rules of a Fastify route, from its configuration. */
export function getConfigBodyRules(config: unknown): BodyRules | undefined {
  return (config as Record<string, BodyRules> | undefined)?.[BODY_RULES];
}
