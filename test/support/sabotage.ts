import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { TestApp } from './harness.js';

/** Removes a protection from a running application, between its sockets and its framework. */
export type Sabotage = (request: IncomingMessage, response: ServerResponse) => void;

/** Calls `run` while every request is sabotaged. */
export async function sabotaged<T>({ app }: TestApp, sabotage: Sabotage, run: () => Promise<T>): Promise<T> {
  const server = app.getHttpServer() as Server;
  server.prependListener('request', sabotage);
  try {
    return await run();
  } finally {
    server.removeListener('request', sabotage);
  }
}

/** Accepts requests to a path that should have been refused. */
export const letIn =
  (path: string, refusal: number): Sabotage =>
  ({ url }, response) => {
    if (!url?.startsWith(path)) return;
    const writeHead = response.writeHead.bind(response) as (status: number, ...rest: unknown[]) => ServerResponse;
    response.writeHead = (status: number, ...rest: unknown[]) => writeHead(status === refusal ? 200 : status, ...rest);
  };

export const withoutHeader =
  (name: string): Sabotage =>
  (_request, response) => {
    const writeHead = response.writeHead.bind(response) as (status: number, ...rest: unknown[]) => ServerResponse;
    response.writeHead = (status: number, ...rest: unknown[]) => {
      response.removeHeader(name);
      return writeHead(status, ...rest.map((part) => (isHeaders(part) ? without(part, name) : part)));
    };
  };

const isHeaders = (part: unknown): part is Record<string, unknown> => typeof part === 'object' && part !== null;
const without = (headers: Record<string, unknown>, name: string) =>
  Object.fromEntries(Object.entries(headers).filter(([key]) => key.toLowerCase() !== name));
