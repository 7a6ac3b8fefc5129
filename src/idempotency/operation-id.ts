import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import {
  createParamDecorator,
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import type { Observable } from 'rxjs';
import { getRequest, type AdapterRequest } from '../context/index.js';
import type { IdempotencyClaim } from './idempotency.store.js';

const storage = new AsyncLocalStorage<string>();
const ids = new WeakMap<object, string>();

/**
 * Returns the operation id of the current request. It is a UUID. It is the same for each request of the same caller with
 * the same content and the same `Idempotency-Key`, on every replica, also after a crash. Undefined for a request without a
 * key.
 *
 * Store it in a unique column, in the transaction that does the work. Then a repeated request finds the row and can return
 * it instead of doing the work again.
 *
 * @publicApi
 */
export function currentOperationId(): string | undefined {
  return storage.getStore();
}

/** The same as {@link currentOperationId}, as a parameter of the handler. @publicApi */
export const OperationId: () => ParameterDecorator = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  ids.get(getRawRequest(getRequest(context))),
);

/** Sets the operation id of a request. */
export function setOperationId(request: AdapterRequest, claim: IdempotencyClaim): void {
  ids.set(getRawRequest(request), createOperationId(claim));
}

/** Provides the operation id of the request to the handler of an `@Idempotent()` route. */
@Injectable()
export class OperationIdInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const id = ids.get(getRawRequest(getRequest(context)));
    return id === undefined ? next.handle() : storage.run(id, () => next.handle());
  }
}

/**
 * Creates a UUID version 8 (RFC 9562, section 5.8). The request is part of it, because the same key may be used for another
 * request after the first has expired.
 */
function createOperationId({ id, fingerprint }: IdempotencyClaim): string {
  const bytes = createHash('sha256')
    .update(JSON.stringify([id, fingerprint]))
    .digest();
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function getRawRequest(request: AdapterRequest): object {
  return request.raw ?? request;
}
