import {
  Injectable,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { tap, type Observable } from 'rxjs';
import type { AdapterRequest } from '../context/index.js';
import { createPageLinks, type ListPage } from './page.js';
import { addToHeader, type HeaderResponse } from './response-headers.js';

/** The cursors of a {@link ListPage}, or of a page whose items have another name. */
type Neighbours = Pick<ListPage<unknown>, 'next' | 'prev'>;

@Injectable()
class PaginatedInterceptor implements NestInterceptor<Neighbours> {
  constructor(private readonly adapterHost: HttpAdapterHost) {}

  intercept(context: ExecutionContext, next: CallHandler<Neighbours>): Observable<unknown> {
    const http = context.switchToHttp();
    const { url } = http.getRequest<AdapterRequest>();
    return next.handle().pipe(
      tap((page) => {
        const links = createPageLinks(url, page);
        const response = http.getResponse<HeaderResponse>();
        if (links !== undefined) addToHeader(this.adapterHost.httpAdapter, response, 'Link', links);
      }),
    );
  }
}

/** Adds a `Link` header (RFC 8288) with the next and previous page to the response of a handler. @publicApi */
export function Paginated(): MethodDecorator {
  return UseInterceptors(PaginatedInterceptor);
}
