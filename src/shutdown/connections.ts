import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { requestPath } from '../context/index.js';

const POLL_MS = 25;
/** Most connections that the system keeps for a server that has not accepted them yet (Node's default). */
const BACKLOG = 511;

interface Connection {
  responses: Set<ServerResponse>;
  /** When the connection last had a request in flight. */
  quietSince: number;
}

/**
 * The connections of an HTTP server, so that a shutdown can let go of each one at a moment when no request is lost.
 *
 * Node's own `server.close()` drops idle connections at once. A keep-alive client may have sent its next request at that
 * moment, and sees a reset.
 */
export class Connections {
  private readonly open = new Map<Socket, Connection>();
  private isLeaving = false;
  private accepted = 0;

  constructor(private readonly server: Server) {
    server.on('connection', (socket: Socket) => {
      this.accepted++;
      this.open.set(socket, { responses: new Set(), quietSince: performance.now() });
      socket.once('close', () => this.open.delete(socket));
    });
    // Before the framework's own listener, so that the header is set before anything is written.
    server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
      const connection = this.open.get(request.socket);
      if (!connection) return;
      if (this.isLeaving) response.setHeader('Connection', 'close');
      connection.responses.add(response);
      response.once('close', () => {
        connection.responses.delete(response);
        connection.quietSince = performance.now();
      });
    });
  }

  /** From now on every response asks its client to come back on another connection. */
  leave(): void {
    this.isLeaving = true;
    for (const { responses } of this.open.values()) {
      for (const response of responses) if (!response.headersSent) response.setHeader('Connection', 'close');
    }
  }

  /**
   * Closes the port. Connections that are open stay open, which Node's close of an HTTP server would not grant; those that
   * the system has taken are accepted first, one in a turn of the event loop, for it would reset them.
   */
  async stopListening(): Promise<void> {
    for (let before = -1, turns = 0; this.accepted > before && turns < BACKLOG; turns++) {
      before = this.accepted;
      await turn();
    }
    NetServer.prototype.close.call(this.server);
  }

  /** Closes connections as they fall quiet, until none is left or the signal says to stop waiting. */
  async closeQuietOnes(quietMs: number, signal: AbortSignal): Promise<void> {
    while (this.open.size > 0 && !signal.aborted) {
      // A request that has arrived is seen first: in a process that stood still, timers fire before sockets are read.
      await turn();
      const before = performance.now() - quietMs;
      for (const [socket, { responses, quietSince }] of this.open) {
        if (responses.size === 0 && quietSince <= before) socket.end();
      }
      await sleep(POLL_MS);
    }
  }

  /** Requests that are not answered yet, as text for a log. */
  inFlight(): string[] {
    return [...this.open.values()].flatMap(({ responses }) => [...responses]).map(({ req }) => nameOf(req));
  }

  /** Cuts what is left. */
  destroy(): void {
    for (const socket of this.open.keys()) socket.destroy();
  }
}

/** Method and path; a query may hold what does not belong in a log. */
function nameOf({ method = '', url = '' }: IncomingMessage): string {
  return `${method} ${requestPath(url)}`;
}
