import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { Global, Injectable, Module } from '@nestjs/common';
import { HttpAdapterHost, type AbstractHttpAdapter } from '@nestjs/core';
import {
  attachContext,
  getRequestContext,
  RequestContext,
  runWithContext,
  type AdapterRequest,
} from './request-context.js';

/** A request id from the client is used if it is safe in logs and headers. */
const SAFE_REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/;

/**
 * Position of a request hook. Hooks that watch the response run first, so that they also see refused requests.
 *
 * @publicApi
 */
export enum RequestHookOrder {
  Observation = 100,
  ResponseHeaders = 200,
  Refusal = 300,
  Application = 500,
}

/**
 * Runs before everything else for a request: before middleware, guards and the router of Express. An error that it throws
 * becomes the response. `response` is Node's own response on both adapters.
 *
 * @publicApi
 */
export type RequestHook = (
  request: AdapterRequest,
  response: ServerResponse,
  context: RequestContext,
) => void | Promise<void>;

type HookResponse = ServerResponse | { readonly raw: ServerResponse };
type Done = (error?: Error) => void;

/** The form of a hook in Nest's adapters. */
type AdapterHook = (request: AdapterRequest, response: HookResponse, done: Done) => unknown;

/** The members of Nest's adapters that their interface does not declare. An adapter has one hook only. */
interface HookableAdapter {
  onRequestHook?: AdapterHook;
  setOnRequestHook(hook: AdapterHook): void;
}

interface FastifyInstance {
  addHook(
    name: 'onSend',
    hook: (request: AdapterRequest, reply: unknown, payload: unknown, done: (error?: unknown) => void) => void,
  ): void;
}

/**
 * The hooks that run for every request. The first module that needs the request context installs them in the HTTP adapter.
 * Each request gets its {@link RequestContext} here, and the header `X-Request-Id`.
 *
 * Nest's adapters have one hook. After this class has taken it, `setOnRequestHook()` of the adapter adds a hook of the
 * application that runs last, and replaces nothing.
 *
 * @publicApi
 */
@Injectable()
export class RequestHooks {
  private readonly ordered: { readonly hook: RequestHook; readonly order: number }[] = [];
  private hooks: readonly RequestHook[] = [];
  private adapterHook: AdapterHook | undefined;

  constructor({ httpAdapter }: HttpAdapterHost) {
    // An application without HTTP, such as a job, has no adapter.
    if (!(httpAdapter as AbstractHttpAdapter | undefined)) return;
    const adapter = httpAdapter as unknown as HookableAdapter;
    this.adapterHook = adapter.onRequestHook;
    adapter.setOnRequestHook((request, response, done) => this.handle(request, response, done));
    adapter.setOnRequestHook = (hook) => (this.adapterHook = hook);
    if (httpAdapter.getType() === 'fastify') holdResponses(httpAdapter.getInstance() as FastifyInstance);
  }

  /**
   * Adds a hook. Call it while the modules are created, for example in the constructor of a provider.
   *
   * @param order position among all hooks; hooks of the same order run in the order in which they were added
   */
  add(hook: RequestHook, { order = RequestHookOrder.Application }: { order?: number } = {}): void {
    this.ordered.push({ hook, order });
    this.hooks = this.ordered.toSorted((a, b) => a.order - b.order).map((entry) => entry.hook);
  }

  /** Runs all hooks for a request. @internal */
  handle(request: AdapterRequest, response: HookResponse, done: Done): void {
    const raw = 'raw' in response ? response.raw : response;
    const given = request.headers['x-request-id'];
    const requestId = typeof given === 'string' && SAFE_REQUEST_ID.test(given) ? given : randomUUID();
    const context = new RequestContext(requestId, request, raw);
    attachContext(request, context);
    raw.setHeader('X-Request-Id', requestId);
    runWithContext(context, () => {
      this.runFrom(0, [request, raw, context], (error) => {
        if (error !== undefined || !this.adapterHook) done(error);
        else callAdapterHook(this.adapterHook, request, response, done);
      });
    });
  }

  private runFrom(start: number, call: Parameters<RequestHook>, done: Done): void {
    try {
      for (let i = start; i < this.hooks.length; i++) {
        const pending = this.hooks[i]?.(...call);
        if (!pending) continue;
        void this.continueAfter(pending, i + 1, call, done);
        return;
      }
    } catch (error) {
      done(toError(error));
      return;
    }
    done();
  }

  private async continueAfter(pending: Promise<void>, next: number, call: Parameters<RequestHook>, done: Done) {
    try {
      await pending;
    } catch (error) {
      done(toError(error));
      return;
    }
    this.runFrom(next, call, done);
  }
}

/** Makes {@link RequestHooks} available to all modules. It exists once, whichever modules import it. @internal */
@Global()
@Module({ providers: [RequestHooks], exports: [RequestHooks] })
export class RequestHooksModule {}

/** Calls the application's own hook. Nest accepts a call of `done()` and a promise, and a hook may use both. */
function callAdapterHook(hook: AdapterHook, request: AdapterRequest, response: HookResponse, done: Done): void {
  let isDone = false;
  const doneOnce: Done = (error) => {
    if (!isDone) done(error);
    isDone = true;
  };
  const isFastify = 'raw' in response;
  const result = hook(request, response, doneOnce);
  // On Express, Nest waits for `done()` also if the hook returns a promise.
  if (result instanceof Promise) result.then(() => isFastify && doneOnce(), doneOnce);
}

/** Makes Fastify wait until the conditions of a response are met. If one fails, the error passes through the other hooks. */
function holdResponses(fastify: FastifyInstance): void {
  fastify.addHook('onSend', (request, _reply, _payload, done) => {
    const { responseHold } = getRequestContext(request);
    if (responseHold) void callWhenDone(responseHold.waitForConditions(), done);
    else done();
  });
}

async function callWhenDone(work: Promise<void>, done: (error?: unknown) => void): Promise<void> {
  let failure: unknown;
  try {
    await work;
  } catch (error) {
    failure = error;
  }
  done(failure);
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`A request hook has thrown ${String(thrown)}.`);
}
