import type { ServerResponse } from 'node:http';
import type { AbstractHttpAdapter } from '@nestjs/core';
import type { AdapterRequest } from './context/index.js';
import { createTrustProxyOption, MAX_PATH_LENGTH } from './security/index.js';

type BadUrlHandler = (error: Error, request: AdapterRequest, reply: { readonly raw: ServerResponse }) => void;

/** Answers malformed URLs of a Fastify application. `hardenApp()` sets the handler. */
const badUrlHandlers = new WeakMap<object, BadUrlHandler>();

/** Number of trusted proxies, or their addresses and networks (CIDR). False trusts none. @publicApi */
export type TrustProxy = number | readonly string[] | false;

/** @publicApi */
export interface AdapterOptions {
  adapter: 'express' | 'fastify';
  /** @default false */
  trustProxy?: TrustProxy;
}

/**
 * Creates the HTTP adapter for `NestFactory.create()`, with equal settings on both: trust in proxies, routing, and answers
 * to malformed URLs. Only its package is loaded.
 *
 * @publicApi
 */
export async function createAdapter({ adapter, trustProxy = false }: AdapterOptions): Promise<AbstractHttpAdapter> {
  const trust = createTrustProxyOption(trustProxy);
  return adapter === 'fastify' ? createFastifyAdapter(trust) : createExpressAdapter(trust);
}

type Trust = ReturnType<typeof createTrustProxyOption>;

async function createExpressAdapter(trust: Trust): Promise<AbstractHttpAdapter> {
  const { ExpressAdapter } = await import('@nestjs/platform-express');
  const adapter = new ExpressAdapter();
  adapter.set('trust proxy', trust);
  adapter.set('etag', false);
  return adapter as AbstractHttpAdapter;
}

async function createFastifyAdapter(trust: Trust): Promise<AbstractHttpAdapter> {
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  const adapter = new FastifyAdapter({
    trustProxy: trust,
    // The same routing as Express, whose router settings cannot be changed here.
    routerOptions: { caseSensitive: false, ignoreTrailingSlash: true, maxParamLength: MAX_PATH_LENGTH },
    // Fastify's router rejects a malformed URL before the hooks run and without an error handler.
    frameworkErrors: (error: Error, request: AdapterRequest, reply: { readonly raw: ServerResponse }) =>
      badUrlHandlers.get(adapter)?.(error, request, reply),
  });
  return adapter as unknown as AbstractHttpAdapter;
}

/** Makes an Express application trust proxies. @throws Error on Fastify, if the adapter was created without the option */
export function trustProxies(adapter: AbstractHttpAdapter, trustProxy: TrustProxy): void {
  if (adapter.getType() === 'express') {
    (adapter as unknown as { set(name: string, value: unknown): void }).set(
      'trust proxy',
      createTrustProxyOption(trustProxy),
    );
    return;
  }
  const isTrusting = Object.hasOwn(findRequestPrototype(adapter.getInstance() as object) ?? {}, 'ips');
  if (isTrusting || trustProxy === false) return;
  throw new Error(
    'Fastify trusts proxies only if its adapter is created so.\n  → create the application with ' +
      `NestFactory.create(AppModule, await createAdapter({ adapter: 'fastify', trustProxy: ${JSON.stringify(trustProxy)} }))`,
  );
}

/** Sets the handler for malformed URLs. No effect on adapters that {@link createAdapter} has not created. */
export function onBadUrl(adapter: AbstractHttpAdapter, handler: BadUrlHandler): void {
  if (adapter.getType() !== 'fastify') return;
  const trusting = findRequestPrototype(adapter.getInstance() as object);
  badUrlHandlers.set(adapter, (error, request, reply) => {
    if (trusting) Object.setPrototypeOf(request, trusting);
    handler(error, request, reply);
  });
}

/**
 * For a malformed URL, Fastify creates a request of a class without proxy support, so its address and protocol would be
 * those of the proxy. The class of all other requests is stored under a symbol.
 */
function findRequestPrototype(fastify: object): object | undefined {
  const symbol = Object.getOwnPropertySymbols(fastify).find(({ description }) => description === 'fastify.Request');
  return symbol && (fastify as Record<symbol, { prototype: object }>)[symbol]?.prototype;
}
