import {
  applyDecorators,
  Injectable,
  SetMetadata,
  StreamableFile,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { map, type Observable } from 'rxjs';
import { getRequestContext, type AdapterRequest } from '../context/index.js';
import { RouteMemo } from '../guards/index.js';
import type { ListPage } from './page.js';

/** A result with metadata. Errors are still problem documents. @publicApi */
export interface Enveloped<T> {
  readonly data: T;
  readonly meta: { readonly requestId: string; readonly next?: string | null; readonly prev?: string | null };
}

const NO_ENVELOPE = Symbol('bulwark.noEnvelope');

/** @internal */
@Injectable()
export class EnvelopeInterceptor implements NestInterceptor {
  private readonly isWithoutEnvelope = new RouteMemo(
    (handler, controller) => Reflect.hasMetadata(NO_ENVELOPE, handler) || Reflect.hasMetadata(NO_ENVELOPE, controller),
  );

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http' || this.isWithoutEnvelope.get(context)) return next.handle();
    const { requestId } = getRequestContext(context.switchToHttp().getRequest<AdapterRequest>());
    return next.handle().pipe(map((value: unknown) => wrapInEnvelope(value, requestId)));
  }
}

/** Wraps the response in `{ data, meta }`. For a page, `data` holds the items. @publicApi */
export function Envelope(): MethodDecorator & ClassDecorator {
  return applyDecorators(UseInterceptors(EnvelopeInterceptor));
}

/** Excludes a route or controller from the envelope of ConventionsModule. @publicApi */
export function NoEnvelope(): MethodDecorator & ClassDecorator {
  return SetMetadata(NO_ENVELOPE, true);
}

function wrapInEnvelope(value: unknown, requestId: string): unknown {
  // Empty and binary bodies are not wrapped.
  if (value === undefined || value instanceof StreamableFile || value instanceof Uint8Array) return value;
  if (!isPage(value)) return { data: value, meta: { requestId } } satisfies Enveloped<unknown>;
  const { items, next, prev } = value;
  return { data: items, meta: { requestId, next, prev } } satisfies Enveloped<unknown>;
}

function isPage(value: unknown): value is ListPage<unknown> {
  return typeof value === 'object' && value !== null && 'items' in value && 'next' in value && 'prev' in value;
}
