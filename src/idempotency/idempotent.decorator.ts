import {
  applyDecorators,
  Catch,
  Injectable,
  Optional,
  SetMetadata,
  StreamableFile,
  UseFilters,
  UseGuards,
  UseInterceptors,
  type ArgumentsHost,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
} from '@nestjs/common';
import { HttpAdapterHost, Reflector } from '@nestjs/core';
import { ProblemException } from '../problem/index.js';
import { RouteMemo } from '../guards/index.js';
import type { AdapterRequest } from '../context/index.js';
import type { IdempotentOptions } from './idempotency.options.js';
import { IdempotencyService, rawResponse } from './idempotency.service.js';
import type { StoredAnswer } from './idempotency.store.js';
import { OperationIdInterceptor } from './operation-id.js';

const IDEMPOTENT = Symbol('bulwark.idempotent');

/** Ends a request before its handler: not a failure, but the only way past all that would work on a result. */
class Replay extends Error {
  constructor(readonly answer: StoredAnswer) {
    super('the request was answered before');
  }
}

/** Runs after the global guards: who may not call does not learn of answers. */
@Injectable()
class IdempotencyGuard implements CanActivate {
  private readonly routes: RouteMemo<IdempotentOptions>;

  constructor(
    reflector: Reflector,
    @Optional() private readonly idempotency?: IdempotencyService,
  ) {
    this.routes = new RouteMemo((handler) => reflector.get<IdempotentOptions>(IDEMPOTENT, handler));
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<AdapterRequest>();
    const route = this.routes.get(context);
    if (!this.idempotency) return withoutModule(request, route);
    const answer = await this.idempotency.admit(request, rawResponse(http.getResponse()), route);
    if (!answer) return true;
    if (answer.body) throw new Replay(answer);
    throw new ProblemException('CONFLICT', 'This request has been done; its answer was too long to be repeated.');
  }
}

/** Routes of a library may be marked where the application has nothing that would keep the promise; then nobody is given it. */
function withoutModule(request: AdapterRequest, { required }: IdempotentOptions): boolean {
  if (!required && request.headers['idempotency-key'] === undefined) return true;
  throw new ProblemException(
    'IDEMPOTENCY_UNAVAILABLE',
    'There is nothing here that keeps idempotency keys, so the request was not done. The application has to import IdempotencyModule.',
  );
}

@Catch(Replay)
class ReplayFilter implements ExceptionFilter<Replay> {
  constructor(private readonly adapterHost: HttpAdapterHost) {}

  catch({ answer: { status, headers, body } }: Replay, host: ArgumentsHost): void {
    const { httpAdapter } = this.adapterHost;
    const response = host.switchToHttp().getResponse<object>();
    for (const [name, value] of headers) httpAdapter.setHeader(response, name, value);
    httpAdapter.setHeader(response, 'Idempotent-Replayed', 'true');
    httpAdapter.reply(response, payloadOf(body), status);
  }
}

function payloadOf(body: StoredAnswer['body']): string | StreamableFile | undefined {
  if (!body) return undefined;
  if ('base64' in body) return new StreamableFile(Buffer.from(body.base64, 'base64'));
  return body.text === '' ? undefined : body.text;
}

/**
 * Does a request once, however often it comes with the same `Idempotency-Key`, and gives every repetition the first
 * answer.
 *
 * @publicApi
 */
export function Idempotent(options: IdempotentOptions = {}): MethodDecorator {
  return applyDecorators(
    SetMetadata(IDEMPOTENT, options),
    UseGuards(IdempotencyGuard),
    UseInterceptors(OperationIdInterceptor),
    UseFilters(ReplayFilter),
  );
}
