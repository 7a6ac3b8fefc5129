import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { isUtf8 } from 'node:buffer';
import type { StoredAnswer } from './idempotency.store.js';

type Write = ServerResponse['write'];
type End = ServerResponse['end'];
type WriteHead = ServerResponse['writeHead'];

/**
 * Takes down what a response says, and keeps its end back until that has been stored. It stands at Node's own response:
 * so it holds what really went out, with all that interceptors and filters had made of it, on either adapter.
 *
 * @param headers names in lower case that are taken down
 * @param store called once, with the whole answer; the end waits for it
 */
export function captureResponse(
  response: ServerResponse,
  options: { readonly headers: ReadonlySet<string>; readonly maxBytes: number },
  store: (answer: StoredAnswer) => Promise<void>,
): void {
  const write = response.write.bind(response) as Write;
  const end = response.end.bind(response) as End;
  const writeHead = response.writeHead.bind(response) as WriteHead;
  const chunks: Buffer[] = [];
  let bytes = 0;
  let isEnding = false;
  let head: OutgoingHttpHeaders = {};

  const take = (chunk: unknown, encoding: unknown) => {
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) return;
    const isNamed = typeof encoding === 'string' && Buffer.isEncoding(encoding);
    const buffer = typeof chunk === 'string' ? Buffer.from(chunk, isNamed ? encoding : 'utf8') : Buffer.from(chunk);
    bytes += buffer.length;
    if (bytes <= options.maxBytes) chunks.push(buffer);
  };
  const answer = (): StoredAnswer => {
    const all = Object.entries({ ...response.getHeaders(), ...head });
    return {
      status: response.statusCode,
      headers: all
        .filter(([name, value]) => options.headers.has(name.toLowerCase()) && value !== undefined)
        .map(([name, value]) => [name.toLowerCase(), text(value)]),
      body: bytes <= options.maxBytes ? bodyOf(Buffer.concat(chunks)) : undefined,
    };
  };

  // Fastify hands its headers over here, where getHeaders() may not show them.
  response.writeHead = ((...args: Parameters<WriteHead>) => {
    const given: unknown = args.at(-1);
    if (typeof given === 'object' && given !== null && !Array.isArray(given)) head = given as OutgoingHttpHeaders;
    return writeHead(...args);
  }) as WriteHead;
  response.write = ((...args: Parameters<Write>) => {
    take(args[0], args[1]);
    return write(...args);
  }) as Write;
  response.end = ((...args: Parameters<End>) => {
    if (isEnding) return end(...args);
    isEnding = true;
    take(args[0], args[1]);
    // end() writes its chunk by write(), which must not take it down a second time.
    response.write = write;
    void store(answer()).finally(() => end(...args));
    return response;
  }) as End;
}

function bodyOf(bytes: Buffer): StoredAnswer['body'] {
  return isUtf8(bytes) ? { text: bytes.toString('utf8') } : { base64: bytes.toString('base64') };
}

function text(value: OutgoingHttpHeader | undefined): string {
  return Array.isArray(value) ? value.join(', ') : String(value);
}
