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
import { HttpAdapterHost, Reflector } from '@nestjs/core';
import { map, type Observable } from 'rxjs';
import { RouteMemo } from '../guards/index.js';
import { withoutCompression } from '../ports/index.js';
import type { AdapterRequest } from '../context/index.js';
import { isNoneMatch, strongEtag, weakEtag } from './etag.js';
import type { HeaderResponse } from './response-headers.js';

/** @publicApi */
export interface ETagOptions {
  /**
   * Returns the version of the handler's result. It makes a strong tag, which a write can send in `If-Match`. The response
   * is not compressed then, because a strong tag identifies exact bytes.
   * @default a weak tag, computed from the whole value
   */
  // oxlint-disable-next-line typescript/no-explicit-any -- the type of the value depends on the decorated handler
  version?: (value: any) => string | number;
}

const ETAG = Symbol('bulwark.etag');

@Injectable()
class ETagInterceptor implements NestInterceptor {
  private readonly routes: RouteMemo<ETagOptions>;

  constructor(
    private readonly adapterHost: HttpAdapterHost,
    reflector: Reflector,
  ) {
    this.routes = new RouteMemo((handler) => reflector.get<ETagOptions>(ETAG, handler));
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const request = http.getRequest<AdapterRequest>();
    if (request.method !== 'GET' && request.method !== 'HEAD') return next.handle();
    const { version } = this.routes.get(context);
    return next.handle().pipe(
      map((value: unknown) => {
        const response = http.getResponse<HeaderResponse>();
        const hasTag = response.statusCode === 200 && value !== undefined && !(value instanceof StreamableFile);
        if (!hasTag) return value;
        const etag = version ? strongEtag(version(value)) : weakEtag(value);
        const { httpAdapter } = this.adapterHost;
        httpAdapter.setHeader(response, 'ETag', etag);
        if (version) withoutCompression(request);
        if (isNoneMatch(request.headers['if-none-match'], etag)) return value;
        httpAdapter.status(response, 304);
        return undefined;
      }),
    );
  }
}

/**
 * Adds an entity tag to responses to `GET` and `HEAD`. If the client already has the current state, the response is 304.
 * It works the same on both adapters: Express alone would send its own tags, and Fastify would send none.
 *
 * @publicApi
 */
export function ETag(options: ETagOptions = {}): MethodDecorator {
  return applyDecorators(SetMetadata(ETAG, options), UseInterceptors(ETagInterceptor));
}
