import { Logger } from '@nestjs/common';
import { throwError, type Observable } from 'rxjs';
import { hasProblemMembers } from './problem.js';

/**
 * The answer of a message handler that failed, in the format of Nest's own filter for microservices. A problem of the suite
 * adds its stable code. The client never sees an unknown error.
 */
export function toRpcError(error: unknown): Observable<never> {
  return throwError(() => describe(error));
}

function describe(error: unknown): unknown {
  if (hasProblemMembers(error)) return { status: 'error', message: error.detail, code: error.code };
  // RpcException of @nestjs/microservices, which applications without microservices do not have.
  const { getError } = error as { getError?: () => unknown };
  if (typeof getError === 'function') {
    const reason = getError.call(error);
    return typeof reason === 'object' ? reason : { status: 'error', message: reason };
  }
  new Logger('Problems').error({ err: error, msg: 'a message handler failed' });
  return { status: 'error', message: 'Internal server error' };
}
