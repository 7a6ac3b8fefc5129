import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { applyDecorators, createParamDecorator, Header, type ExecutionContext } from '@nestjs/common';

/** Additional sources of a page by CSP directive, such as `{ 'img-src': ['data:'] }`. @publicApi */
export type PageSources = Readonly<Record<string, readonly string[]>>;

const NONCE_BYTES = 16;

/** Marks a route that responds with an HTML page. @publicApi */
export function Page(): MethodDecorator {
  return applyDecorators(Header('Content-Type', 'text/html; charset=utf-8'), Header('Cache-Control', 'no-store'));
}

/**
 * Parameter decorator for a route that responds with a page. It provides a nonce for the `<script>` and `<style>` elements
 * and sets the `Content-Security-Policy` of the response (CSP 3, section 2.3.1). The nonce is new for each response. Only
 * elements with the nonce and the listed sources are allowed. The policy of other responses does not change.
 *
 * ```ts
 * @Page()
 * @Get('report')
 * report(@CspNonce({ 'img-src': ['data:'] }) nonce: string) {
 *   return `<!doctype html><style nonce="${nonce}">…</style>`;
 * }
 * ```
 *
 * @publicApi
 */
export const CspNonce: (sources?: PageSources) => ParameterDecorator = createParamDecorator(
  (sources: PageSources | undefined, context: ExecutionContext): string => {
    const adapterResponse = context.switchToHttp().getResponse<ServerResponse | { raw: ServerResponse }>();
    const response = 'raw' in adapterResponse ? adapterResponse.raw : adapterResponse;
    const nonce = randomBytes(NONCE_BYTES).toString('base64');
    response.setHeader('Content-Security-Policy', createPagePolicy(nonce, sources ?? {}));
    return nonce;
  },
);

/** Creates the Content-Security-Policy of one page. */
export function createPagePolicy(nonce: string, sources: PageSources): string {
  const directives: Record<string, readonly string[]> = {
    'default-src': ["'none'"],
    'script-src': [`'nonce-${nonce}'`],
    'style-src': [`'nonce-${nonce}'`],
    'frame-ancestors': ["'none'"],
    'base-uri': ["'none'"],
    'form-action': ["'none'"],
  };
  for (const [directive, additional] of Object.entries(sources)) {
    const defaults = directives[directive]?.filter((source) => source !== "'none'") ?? [];
    directives[directive] = [...defaults, ...additional];
  }
  return Object.entries(directives)
    .map(([directive, values]) => `${directive} ${values.join(' ')}`)
    .join(';');
}
