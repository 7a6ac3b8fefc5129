import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { applyDecorators, createParamDecorator, Header, type ExecutionContext } from '@nestjs/common';

/** Further sources of a page by directive, such as `{ 'img-src': ['data:'] }`. @publicApi */
export type PageSources = Readonly<Record<string, readonly string[]>>;

const NONCE_BYTES = 16;

/** Marks a route whose answer is an HTML page. @publicApi */
export function Page(): MethodDecorator {
  return applyDecorators(Header('Content-Type', 'text/html; charset=utf-8'), Header('Cache-Control', 'no-store'));
}

/**
 * Parameter of a route that answers with a page: a nonce for its `<script>` and `<style>` elements, new for each
 * response, which alone are allowed by the `Content-Security-Policy` of that response (CSP 3, section 2.3.1). Everything
 * else stays forbidden, unless it is named, and the policy of no other response changes.
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
export const CspNonce = createParamDecorator((sources: PageSources | undefined, context: ExecutionContext): string => {
  const answer = context.switchToHttp().getResponse<ServerResponse | { raw: ServerResponse }>();
  const response = 'raw' in answer ? answer.raw : answer;
  const nonce = randomBytes(NONCE_BYTES).toString('base64');
  response.setHeader('Content-Security-Policy', pagePolicy(nonce, sources ?? {}));
  return nonce;
});

/** The policy of one page. */
export function pagePolicy(nonce: string, sources: PageSources): string {
  const directives: Record<string, readonly string[]> = {
    'default-src': ["'none'"],
    'script-src': [`'nonce-${nonce}'`],
    'style-src': [`'nonce-${nonce}'`],
    'frame-ancestors': ["'none'"],
    'base-uri': ["'none'"],
    'form-action': ["'none'"],
  };
  for (const [directive, more] of Object.entries(sources)) {
    const own = directives[directive]?.filter((source) => source !== "'none'") ?? [];
    directives[directive] = [...own, ...more];
  }
  return Object.entries(directives)
    .map(([directive, values]) => `${directive} ${values.join(' ')}`)
    .join(';');
}
