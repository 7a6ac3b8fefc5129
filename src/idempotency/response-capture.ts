import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { isUtf8 } from 'node:buffer';
import type { StoredResponse } from './idempotency.store.js';

type Write = ServerResponse['write'];
type End = ServerResponse['end'];
type WriteHead = ServerResponse['writeHead'];

/**
 * Captures a response, and delays its end until it has been stored. It wraps Node's own response, so it captures what is
 * really sent, after all interceptors and filters, on both adapters.
 *
 * @param options names of the stored headers in lower case, and the maximum size of a stored body in bytes
 * @param store called once with the complete response. The end of the response waits for it
 */
export function captureResponse(
  response: ServerResponse,
  options: { readonly headers: ReadonlySet<string>; readonly maxBytes: number },
  store: (answer: StoredResponse) => Promise<void>,
): void {
  const write = response.write.bind(response) as Write;
  const end = response.end.bind(response) as End;
  const writeHead = response.writeHead.bind(response) as WriteHead;
  const chunks: Buffer[] = [];
  let bytes = 0;
  let isEnding = false;
  let head: OutgoingHttpHeaders = {};

  const captureChunk = (chunk: unknown, encoding: unknown) => {
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) return;
    const isNamed = typeof encoding === 'string' && Buffer.isEncoding(encoding);
    const buffer = typeof chunk === 'string' ? Buffer.from(chunk, isNamed ? encoding : 'utf8') : Buffer.from(chunk);
    bytes += buffer.length;
    if (bytes <= options.maxBytes) chunks.push(buffer);
  };
  const createStoredResponse = (): StoredResponse => {
    const all = Object.entries({ ...response.getHeaders(), ...head });
    return {
      status: response.statusCode,
      headers: all
        .filter(([name, value]) => options.headers.has(name.toLowerCase()) && value !== undefined)
        .map(([name, value]) => [name.toLowerCase(), headerToText(value)]),
      body: bytes <= options.maxBytes ? encodeBody(Buffer.concat(chunks)) : undefined,
    };
  };

  // Fastify passes its headers to writeHead(), and getHeaders() may not contain them.
  response.writeHead = ((...args: Parameters<WriteHead>) => {
    const given: unknown = args.at(-1);
    if (typeof given === 'object' && given !== null && !Array.isArray(given)) head = given as OutgoingHttpHeaders;
    return writeHead(...args);
  }) as WriteHead;
  response.write = ((...args: Parameters<Write>) => {
    captureChunk(args[0], args[1]);
    return write(...args);
  }) as Write;
  response.end = ((...args: Parameters<End>) => {
    if (isEnding) return end(...args);
    isEnding = true;
    captureChunk(args[0], args[1]);
    // end() calls write() with its chunk, which must not be captured twice.
    response.write = write;
    void store(createStoredResponse()).finally(() => end(...args));
    return response;
  }) as End;
}

function encodeBody(bytes: Buffer): StoredResponse['body'] {
  return isUtf8(bytes) ? { text: bytes.toString('utf8') } : { base64: bytes.toString('base64') };
}

function headerToText(value: OutgoingHttpHeader | undefined): string {
  return Array.isArray(value) ? value.join(', ') : String(value);
}
