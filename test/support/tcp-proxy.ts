import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { freePort } from './ports.js';

/** A proxy that a test can close, open and block. It simulates an outage while the server still runs. */
export class TcpProxy {
  /** Number of connections that it has accepted. */
  accepted = 0;
  /** Delay of the data that the server sends, in milliseconds. */
  answerDelayMs = 0;
  /** Delay of the data that the client sends, in milliseconds. */
  requestDelayMs = 0;
  /** Changes the data that the server sends. */
  rewriteAnswer = (data: Buffer): Buffer => data;
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly target: URL,
    private readonly port: number,
  ) {}

  /** Creates a closed proxy to the host of a URL. */
  static async to(url: string): Promise<TcpProxy> {
    return new TcpProxy(new URL(url), await freePort());
  }

  /** The URL of the target through this proxy. */
  get url(): string {
    const url = new URL(this.target);
    url.host = `127.0.0.1:${this.port}`;
    return url.href;
  }

  async open(): Promise<void> {
    this.server = createServer((socket) => this.forward(socket)).listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
  }

  /** Refuses new connections and closes the open ones. */
  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    if (!this.server) return;
    this.server.close();
    await once(this.server, 'close');
    this.server = undefined;
  }

  /** Open connections stay open but transfer no data, as if a cable had been cut. New connections work. */
  block(): void {
    for (const socket of this.sockets) {
      socket.removeAllListeners('data').resume();
    }
  }

  /** Refuses new connections. Open connections stay open. */
  refuse(): void {
    this.server?.close();
  }

  private forward(near: Socket): void {
    this.accepted++;
    const far = connect(Number(this.target.port), this.target.hostname);
    relay(near, far, () => this.requestDelayMs);
    relay(
      far,
      near,
      () => this.answerDelayMs,
      (data) => this.rewriteAnswer(data),
    );
    for (const [socket, other] of [[near, far] as const, [far, near] as const]) {
      this.sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
  }
}

/** Forwards data in its order. Each piece gets the delay that was set when the piece arrived. */
function relay(from: Socket, to: Socket, delayMs: () => number, rewrite = (data: Buffer): Buffer => data): void {
  let lastDueAt = 0;
  from.on('data', (data) => {
    const now = performance.now();
    lastDueAt = Math.max(lastDueAt, now + delayMs());
    const pass = () => void (to.destroyed || to.write(rewrite(data)));
    if (lastDueAt <= now) pass();
    else setTimeout(pass, lastDueAt - now);
  });
  from.on('end', () => to.end());
}

/** A server that accepts connections and never sends data. */
export async function silentServer(): Promise<{ port: number; close: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port: (server.address() as AddressInfo).port, close };
}
