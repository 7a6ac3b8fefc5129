import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { ERROR_CODES, createProblemDocument, type ErrorCode } from '../problem/index.js';
import { parseAddress } from '../context/index.js';

const PROBLEMS_BY_ERROR: Readonly<Record<string, [code: ErrorCode, detail: string]>> = {
  HPE_HEADER_OVERFLOW: ['HEADERS_TOO_LARGE', 'The request line and the headers exceed 16 kB.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['REQUEST_TIMEOUT', 'The request did not arrive in time.'],
};

/** Error codes of Node's HTTP parser. Other errors are clients that close the connection or are too slow. */
const PARSER_ERROR = /^HPE_/;

const CLOSE_DELAY_MS = 1_000;

/**
 * Creates a `clientError` listener that sends a problem document for malformed HTTP. Node's parser rejects malformed HTTP
 * before the application sees a request. Without this listener, each adapter would send its own format.
 *
 * @param onMalformed called for each request that the parser rejects, with the address of the connection
 *
 * @publicApi
 */
export function createClientErrorListener(
  headers: ReadonlyArray<readonly [name: string, value: string]>,
  onMalformed: (address: string, fault: string) => void = () => undefined,
): (error: NodeJS.ErrnoException, socket: Duplex) => void {
  const answered = new WeakSet<Duplex>();
  return (error, socket) => {
    // The parser reports an error again for all further data on the connection.
    if (answered.has(socket)) return;
    answered.add(socket);
    const { remoteAddress } = socket as Duplex & { remoteAddress?: string };
    if (error.code !== undefined && PARSER_ERROR.test(error.code)) {
      onMalformed(parseAddress(remoteAddress) ?? 'unknown', error.code);
    }
    const { _httpMessage: response } = socket as Duplex & { _httpMessage?: ServerResponse | null };
    // A response that has started cannot be replaced.
    if (error.code === 'ECONNRESET' || !socket.writable || response?.headersSent) {
      socket.destroy();
      return;
    }
    // The malformed data follows a request that is still in progress. A response sent now would be taken for the response
    // to that request. So close the connection after its response, because the start of the next request is unknown.
    if (response?.req.complete) {
      response.setHeader('Connection', 'close');
      response.once('close', () => socket.destroy());
      return;
    }
    const [code, detail] = PROBLEMS_BY_ERROR[error.code ?? ''] ?? ['BAD_REQUEST', 'The request is not valid HTTP/1.1.'];
    const requestId = randomUUID();
    const { status } = ERROR_CODES[code];
    const body = JSON.stringify(
      createProblemDocument(code, status, detail, { instance: `urn:uuid:${requestId}`, requestId }),
    );
    const lines = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      ...headers.map(([name, value]) => `${name}: ${value}`),
      `X-Request-Id: ${requestId}`,
      'Content-Type: application/problem+json; charset=utf-8',
      'Cache-Control: no-store',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
    ];
    socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
    destroyAfterDelay(socket);
  };
}

/** Destroys the connection after a delay, so that the client can read the response. Node does not close a half-closed connection. */
function destroyAfterDelay(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), CLOSE_DELAY_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}
