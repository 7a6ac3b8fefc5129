import { isDeepStrictEqual } from 'node:util';
import type { BenchRequest, BenchServer, Expectation } from './scenario.js';

/** Throws if the response is not as the scenario expects, because the speed of a wrong response is useless. */
export async function checkServer(server: BenchServer, port: number): Promise<void> {
  await checkAnswer(server.name, port, server.requests[0], server.expect);
  for (const probe of server.probes ?? []) await checkAnswer(server.name, port, probe.request, probe.expect);
}

async function checkAnswer(name: string, port: number, request: BenchRequest, expect: Expectation): Promise<void> {
  const { method, path, headers, body } = request;
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    body,
    headers: { connection: 'close', ...headers },
    signal: AbortSignal.timeout(10_000),
  }).catch((error: Error) => {
    throw new Error(
      `'${name}' gave no answer to ${method} ${path}: ${error.cause instanceof Error ? error.cause.message : error.message}`,
    );
  });
  const text = await response.text();
  const got = `'${name}' answered ${method} ${path} with ${response.status} ${text.slice(0, 300)}`;

  if (response.status !== expect.status) throw new Error(`${got}; expected ${expect.status}`);
  if (expect.body !== undefined && !isDeepStrictEqual(parse(text), expect.body)) {
    throw new Error(`${got}; expected ${JSON.stringify(expect.body)}`);
  }
  const missing = (expect.headers ?? []).filter((header) => !response.headers.has(header));
  if (missing.length > 0) throw new Error(`${got}; headers missing: ${missing.join(', ')}`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
