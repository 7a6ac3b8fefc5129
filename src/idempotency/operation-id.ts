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
 * The id of what the current request does: a UUID that is the same each time the same caller sends the same request with
 * the same `Idempotency-Key`, on every replica, and also after a crash. Undefined for a request without a key.
 *
 * Store it in a unique column, in the transaction that does the work. A repetition then finds the row and answers with it
 * instead of doing the work again.
 *
 * @publicApi
 */
export function currentOperationId(): string | undefined {
  return storage.getStore();
}

/** The same as {@link currentOperationId}, as a parameter of the handler. @publicApi */
export const OperationId: () => ParameterDecorator = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  ids.get(rawOf(getRequest(context))),
);

/** Ties the id of a claim to its request. */
export function setOperationId(request: AdapterRequest, claim: IdempotencyClaim): void {
  ids.set(rawOf(request), operationIdOf(claim));
}

/** Runs the handler of a marked route with the operation id of its request. */
@Injectable()
export class OperationIdInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const id = ids.get(rawOf(getRequest(context)));
    return id === undefined ? next.handle() : storage.run(id, () => next.handle());
  }
}

/** A UUID of version 8 (RFC 9562, section 5.8). The request is part of it: the same key with another request, after the first has expired, is another operation. */
function operationIdOf({ id, fingerprint }: IdempotencyClaim): string {
  const bytes = createHash('sha256')
    .update(JSON.stringify([id, fingerprint]))
    .digest();
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function rawOf(request: AdapterRequest): object {
  return request.raw ?? request;
}
