import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { ERROR_CODES, createProblemDocument, type ErrorCode } from '../problem/index.js';
import { parseAddress } from '../context/index.js';

const FAULTS: Readonly<Record<string, [code: ErrorCode, detail: string]>> = {
  HPE_HEADER_OVERFLOW: ['HEADERS_TOO_LARGE', 'The request line and the headers exceed 16 kB.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['REQUEST_TIMEOUT', 'The request did not arrive in time.'],
};

/** What Node's parser calls its refusals; others are clients that break off or take too long. */
const REFUSED_BY_PARSER = /^HPE_/;

const LINGER_MS = 1_000;

/**
 * Answers what is not HTTP with a problem document. Node's parser refuses it before there is a request that the
 * application could see; each adapter would answer in its own words.
 *
 * @param onMalformed told of what the parser refused, with the address of the connection
 */
export function answerClientError(
  headers: ReadonlyArray<readonly [name: string, value: string]>,
  onMalformed: (address: string, fault: string) => void = () => undefined,
): (error: NodeJS.ErrnoException, socket: Duplex) => void {
  const refused = new WeakSet<Duplex>();
  return (error, socket) => {
    // The parser refuses again whatever else arrives on the connection.
    if (refused.has(socket)) return;
    refused.add(socket);
    const { remoteAddress } = socket as Duplex & { remoteAddress?: string };
    if (error.code !== undefined && REFUSED_BY_PARSER.test(error.code)) {
      onMalformed(parseAddress(remoteAddress) ?? 'unknown', error.code);
    }
    const { _httpMessage: response } = socket as Duplex & { _httpMessage?: ServerResponse | null };
    // A response that has begun cannot become another one.
    if (error.code === 'ECONNRESET' || !socket.writable || response?.headersSent) {
      socket.destroy();
      return;
    }
    // The bytes came behind a request that is still worked on, and the next answer is taken for that one's. It is to be
    // the last: where another request would begin, nobody can tell any more.
    if (response?.req.complete) {
      response.setHeader('Connection', 'close');
      response.once('close', () => socket.destroy());
      return;
    }
    const [code, detail] = FAULTS[error.code ?? ''] ?? ['BAD_REQUEST', 'The request is not valid HTTP/1.1.'];
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
    letGo(socket);
  };
}

/** Gives the client a moment to read its answer, and not longer: nothing else looks after a connection that is half closed. */
function letGo(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}
