import { expect } from 'vitest';

interface Refusal {
  status: number;
  headers: Readonly<Record<string, unknown>>;
  // oxlint-disable-next-line typescript/no-explicit-any -- as the test client gives it
  body: any;
}

declare module 'vitest' {
  // oxlint-disable-next-line typescript/no-explicit-any -- has to repeat vitest's own declaration
  interface Matchers<T = any> {
    /** Every error response must have this: a complete problem document (RFC 9457) and the security headers. */
    toBeProblem(wanted: { status: number; code: string }): T;
    toHaveSecurityHeaders(): T;
  }
}

expect.extend({
  toBeProblem: (answer: Refusal, wanted: { status: number; code: string }) => verdict(() => isProblem(answer, wanted)),
  toHaveSecurityHeaders: ({ headers }: Pick<Refusal, 'headers'>) => verdict(() => areSecure(headers)),
});

function verdict(assertions: () => void): { pass: boolean; message: () => string } {
  try {
    assertions();
    return { pass: true, message: () => 'it is one' };
  } catch (error) {
    return { pass: false, message: () => (error instanceof Error ? error.message : String(error)) };
  }
}

function isProblem({ status, headers, body }: Refusal, wanted: { status: number; code: string }): void {
  expect({ status, code: body?.code }).toEqual(wanted);
  expect(headers['content-type']).toBe('application/problem+json; charset=utf-8');
  expect(headers['cache-control']).toBe('no-store');
  expect(body).toMatchObject({
    type: expect.stringMatching(/^(?:urn:nest-bulwark:problem:[a-z-]+|https:\/\/iana\.org\/.+)$/),
    title: expect.stringMatching(/./),
    status,
    detail: expect.stringMatching(/./),
    instance: expect.stringMatching(/./),
    requestId: headers['x-request-id'],
  });
  areSecure(headers);
}

function areSecure(headers: Refusal['headers']): void {
  expect(headers).toMatchObject({
    'content-security-policy': expect.stringContaining("default-src 'none'"),
    'permissions-policy': expect.stringContaining('camera=()'),
    'cross-origin-opener-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'x-request-id': expect.stringMatching(/^[\w.-]{8,64}$/),
  });
  // The tests use plain HTTP, over which this header must not be sent.
  expect(headers).not.toHaveProperty('strict-transport-security');
  expect(headers).not.toHaveProperty('x-powered-by');
  expect(headers).not.toHaveProperty('server');
}
