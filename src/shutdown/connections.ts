import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { constants, type Http2ServerRequest, type Http2ServerResponse, type Http2Session } from 'node:http2';
import { Server as NetServer, type Socket } from 'node:net';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { Server as TlsServer, type TLSSocket } from 'node:tls';
import { requestPath } from '../context/index.js';

const POLL_MS = 25;
/** Node's default for the number of connections that the operating system queues before the server accepts them. */
const MAX_BACKLOG = 511;
/** A TLS handshake that has begun gets this time. It needs two round trips, and clients may be far away. */
const HANDSHAKE_MS = 5_000;
/** The highest id of a stream. A GOAWAY frame with it cuts no stream, and asks the client for a new connection. */
const MAX_STREAM_ID = 2 ** 31 - 1;

/** What a request belongs to: a TCP socket, a TLS socket, or a session of HTTP/2. */
type Carrier = Socket | Http2Session;
type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

interface Connection {
  responses: Set<Response>;
  /** Monotonic time of the end of the last request, in milliseconds. */
  idleSince: number;
}

/**
 * The connections of an HTTP server, with or without TLS, of HTTP/1 and HTTP/2. A shutdown uses it to close each
 * connection without losing a request.
 *
 * Node's own `server.close()` closes idle connections at once. If a keep-alive client sends its next request at that
 * moment, it gets a connection reset.
 */
export class Connections {
  private readonly connections = new Map<Carrier, Connection>();
  /** The carrier of each remote address and port: first the TCP socket, then the TLS socket or session on top of it. */
  private readonly carriers = new Map<string, Carrier>();
  private readonly hasTls: boolean;
  private isClosing = false;
  private hasStopped = false;
  private accepted = 0;

  constructor(private readonly server: Server) {
    this.hasTls = server instanceof TlsServer;
    // These listeners run before those of Node and of the framework. So a TCP socket is known before the session on top
    // of it, and the header is set before the response is written.
    server.prependListener('connection', (socket: Socket) => {
      this.accepted++;
      this.carry(socket, socket);
    });
    server.prependListener('secureConnection', (socket: TLSSocket) => this.carry(socket, socket));
    server.prependListener('session', (session: Http2Session) => this.carry(session, session.socket));
    server.prependListener('request', (request: Request, response: Response) => this.startRequest(request, response));
    // A shutdown during the start must not leave a port open.
    server.on('listening', () => {
      if (this.hasStopped) setImmediate(() => this.closePort());
    });
    this.trackUpgrades();
  }

  get isListening(): boolean {
    return this.server.listening;
  }

  /** From now on, every response asks its client to open a new connection elsewhere. */
  startClosing(): void {
    this.isClosing = true;
    for (const [carrier, { responses }] of this.connections) {
      if (isSession(carrier)) this.sendGoaway(carrier);
      else for (const response of responses) if (!response.headersSent) response.setHeader('Connection', 'close');
    }
  }

  /**
   * Closes the port. Open connections stay open; Node's `close()` of an HTTP server would close the idle ones.
   * Connections that the operating system has queued are accepted first, one in each turn of the event loop, because the
   * operating system would reset them.
   */
  async stopListening(): Promise<void> {
    this.hasStopped = true;
    if (!this.isListening) return;
    for (let before = -1, turns = 0; this.accepted > before && turns < MAX_BACKLOG; turns++) {
      before = this.accepted;
      await turn();
    }
    this.closePort();
  }

  /** Closes connections when they become idle, until no connection is left or the signal is aborted. */
  async closeIdle(idleMs: number, signal: AbortSignal): Promise<void> {
    while (this.connections.size > 0 && !signal.aborted) {
      // After a pause of the process, timers run before sockets are read. So read requests that have arrived first.
      await turn();
      const now = performance.now();
      for (const [carrier, { responses, idleSince }] of this.connections) {
        const patienceMs = this.isInHandshake(carrier) ? Math.max(idleMs, HANDSHAKE_MS) : idleMs;
        if (responses.size === 0 && idleSince <= now - patienceMs) this.end(carrier);
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
    for (const carrier of this.connections.keys()) carrier.destroy();
  }

  /** Registers a carrier. It replaces the carrier that it is built on, which has the same remote address and port. */
  private carry(carrier: Carrier, { remoteAddress, remotePort }: Socket): void {
    const peer = remotePort === undefined ? undefined : `${remoteAddress} ${remotePort}`;
    // A Unix socket has no port, so nothing could replace it later.
    if (peer === undefined && this.isBelowTls(carrier)) return;
    if (peer !== undefined) {
      const lower = this.carriers.get(peer);
      if (lower) this.connections.delete(lower);
      this.carriers.set(peer, carrier);
    }
    this.connections.set(carrier, { responses: new Set(), idleSince: performance.now() });
    carrier.once('close', () => {
      this.connections.delete(carrier);
      if (peer !== undefined && this.carriers.get(peer) === carrier) this.carriers.delete(peer);
    });
  }

  private startRequest(request: Request, response: Response): void {
    const carrier = getCarrier(request);
    const connection = carrier && this.connections.get(carrier);
    if (!connection) return;
    if (this.isClosing) {
      if (isSession(carrier)) this.sendGoaway(carrier);
      else response.setHeader('Connection', 'close');
    }
    connection.responses.add(response);
    response.once('close', () => {
      connection.responses.delete(response);
      connection.idleSince = performance.now();
    });
  }

  /** After an upgrade (WebSocket), the connection belongs to the code that answered the upgrade, which also closes it. */
  private trackUpgrades(): void {
    const release = (_request: IncomingMessage, socket: Socket) => void this.connections.delete(socket);
    const follow = () => this.server.prependListener('upgrade', release);
    // Node refuses upgrades as long as nobody listens for them, so this class must not be the first listener.
    if (this.server.listenerCount('upgrade') > 0) follow();
    else {
      const onNewListener = (event: string) => {
        if (event !== 'upgrade') return;
        this.server.removeListener('newListener', onNewListener);
        follow();
      };
      this.server.on('newListener', onNewListener);
    }
  }

  /** Whether a TLS client has sent data and its handshake is not complete. */
  private isInHandshake(carrier: Carrier): boolean {
    return this.isBelowTls(carrier) && (carrier as Socket).bytesRead > 0;
  }

  /** Whether the carrier is a TCP socket that becomes a TLS socket when its handshake is complete. */
  private isBelowTls(carrier: Carrier): boolean {
    return this.hasTls && !isSession(carrier) && !('encrypted' in carrier);
  }

  private end(carrier: Carrier): void {
    if (isSession(carrier)) carrier.close();
    // TLS has taken over the writing side of the socket.
    else if (this.isBelowTls(carrier)) carrier.destroy();
    else carrier.end();
  }

  private sendGoaway(session: Http2Session): void {
    if (!session.closed) session.goaway(constants.NGHTTP2_NO_ERROR, MAX_STREAM_ID);
  }

  private closePort(): void {
    NetServer.prototype.close.call(this.server);
  }
}

function getCarrier(request: Request): Carrier | undefined {
  return 'stream' in request ? request.stream.session : request.socket;
}

function isSession(carrier: Carrier): carrier is Http2Session {
  return 'goaway' in carrier;
}

/** Method and path. The query is left out because it may hold secrets. */
function describeRequest({ method = '', url = '' }: Request): string {
  return `${method} ${requestPath(url)}`;
}
