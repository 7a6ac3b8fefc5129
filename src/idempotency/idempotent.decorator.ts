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
import { IdempotencyService, getRawResponse } from './idempotency.service.js';
import type { StoredResponse } from './idempotency.store.js';
import { OperationIdInterceptor } from './operation-id.js';

const IDEMPOTENT = Symbol('bulwark.idempotent');

/**
 * Thrown to skip the handler and send the stored response. It is not an error: an exception is the only way to bypass the
 * interceptors, which would change the result again.
 */
class Replay extends Error {
  constructor(readonly answer: StoredResponse) {
    super('the stored response is replayed');
  }
}

/** Runs after the global guards, so that only an authorized caller gets a stored response. */
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
    if (!this.idempotency) return handleMissingModule(request, route);
    const answer = await this.idempotency.admit(request, getRawResponse(http.getResponse()), route);
    if (!answer) return true;
    if (answer.body) throw new Replay(answer);
    throw new ProblemException(
      'CONFLICT',
      'This request has been executed, but its response was too large to be stored.',
    );
  }
}

/**
 * A library can mark its routes although the application does not import IdempotencyModule. Then requests with a key are
 * rejected, because they would not be idempotent.
 */
function handleMissingModule(request: AdapterRequest, { required }: IdempotentOptions): boolean {
  if (!required && request.headers['idempotency-key'] === undefined) return true;
  throw new ProblemException(
    'IDEMPOTENCY_UNAVAILABLE',
    'This application does not support idempotency keys, so the request was not executed. The application must import IdempotencyModule.',
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
    httpAdapter.reply(response, createPayload(body), status);
  }
}

function createPayload(body: StoredResponse['body']): string | StreamableFile | undefined {
  if (!body) return undefined;
  if ('base64' in body) return new StreamableFile(Buffer.from(body.base64, 'base64'));
  return body.text === '' ? undefined : body.text;
}

/**
 * Executes a request with an `Idempotency-Key` once. Every repeated request with the same key gets the first response.
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
