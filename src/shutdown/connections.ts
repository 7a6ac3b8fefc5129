import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { requestPath } from '../context/index.js';

const POLL_MS = 25;
/** Node's default for the number of connections that the operating system queues before the server accepts them. */
const MAX_BACKLOG = 511;

interface Connection {
  responses: Set<ServerResponse>;
  /** Monotonic time of the end of the last request, in milliseconds. */
  idleSince: number;
}

/**
 * The connections of an HTTP server. A shutdown uses it to close each connection without losing a request.
 *
 * Node's own `server.close()` closes idle connections at once. If a keep-alive client sends its next request at that
 * moment, it gets a connection reset.
 */
export class Connections {
  private readonly connections = new Map<Socket, Connection>();
  private isClosing = false;
  private accepted = 0;

  constructor(private readonly server: Server) {
    server.on('connection', (socket: Socket) => {
      this.accepted++;
      this.connections.set(socket, { responses: new Set(), idleSince: performance.now() });
      socket.once('close', () => this.connections.delete(socket));
    });
    // This listener runs before the framework's listener, so the header is set before the response is written.
    server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
      const connection = this.connections.get(request.socket);
      if (!connection) return;
      if (this.isClosing) response.setHeader('Connection', 'close');
      connection.responses.add(response);
      response.once('close', () => {
        connection.responses.delete(response);
        connection.idleSince = performance.now();
      });
    });
  }

  /** From now on, every response has `Connection: close`, so that clients open a new connection elsewhere. */
  startClosing(): void {
    this.isClosing = true;
    for (const { responses } of this.connections.values()) {
      for (const response of responses) if (!response.headersSent) response.setHeader('Connection', 'close');
    }
  }

  /**
   * Closes the port. Open connections stay open; Node's `close()` of an HTTP server would close the idle ones.
   * Connections that the operating system has queued are accepted first, one in each turn of the event loop, because the
   * operating system would reset them.
   */
  async stopListening(): Promise<void> {
    for (let before = -1, turns = 0; this.accepted > before && turns < MAX_BACKLOG; turns++) {
      before = this.accepted;
      await turn();
    }
    NetServer.prototype.close.call(this.server);
  }

  /** Closes connections when they become idle, until no connection is left or the signal is aborted. */
  async closeIdle(idleMs: number, signal: AbortSignal): Promise<void> {
    while (this.connections.size > 0 && !signal.aborted) {
      // After a pause of the process, timers run before sockets are read. So read requests that have arrived first.
      await turn();
      const before = performance.now() - idleMs;
      for (const [socket, { responses, idleSince }] of this.connections) {
        if (responses.size === 0 && idleSince <= before) socket.end();
      }
      await sleep(POLL_MS);
    }
  }

  /** Describes the requests without a complete response, for a log. */
  describeInFlight(): string[] {
    return [...this.connections.values()]
      .flatMap(({ responses }) => [...responses])
      .map(({ req }) => describeRequest(req));
  }

  /** Closes all remaining connections at once. */
  destroy(): void {
    for (const socket of this.connections.keys()) socket.destroy();
  }
}

/** Method and path. The query is left out because it may hold secrets. */
function describeRequest({ method = '', url = '' }: IncomingMessage): string {
  return `${method} ${requestPath(url)}`;
}
