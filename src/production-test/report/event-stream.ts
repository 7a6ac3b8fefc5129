import type { ServerResponse } from 'node:http';
import type { CheckReport } from '../../reports/index.js';
import type { ProgressListener } from '../self-test.runner.js';

/** Express's response, or Fastify's reply, which wraps Node's response. */
export type RawResponse = ServerResponse | { raw: ServerResponse; hijack(): unknown };

/**
 * Sends a run as server-sent events (HTML standard, section 9.2). The data is JSON in one line, because a line break would
 * end the event.
 */
export async function streamRun(
  response: RawResponse,
  run: (listener: ProgressListener) => Promise<CheckReport>,
): Promise<void> {
  const raw = 'raw' in response ? response.raw : response;
  if ('raw' in response) response.hijack();
  raw.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store',
    // Without this header, nginx and similar proxies buffer the events.
    'X-Accel-Buffering': 'no',
  });
  const send = (event: string, data: object) => void raw.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  const report = await run((progress) => send('result', progress));
  send('report', report);
  raw.end();
}
