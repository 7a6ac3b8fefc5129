import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { freePort } from './ports.js';

/** A way to a server that a test can close, open again and block: an outage without ending the server. */
export class TcpProxy {
  /** Connections that went through it since it was made. */
  accepted = 0;
  /** Delay of what the server answers, in milliseconds. */
  answerDelayMs = 0;
  /** Delay of what the client sends, in milliseconds. */
  requestDelayMs = 0;
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly target: URL,
    private readonly port: number,
  ) {}

  /** To the host of a URL; closed at first. */
  static async to(url: string): Promise<TcpProxy> {
    return new TcpProxy(new URL(url), await freePort());
  }

  /** The URL of the target, by way of this. */
  get url(): string {
    const url = new URL(this.target);
    url.host = `127.0.0.1:${this.port}`;
    return url.href;
  }

  async open(): Promise<void> {
    this.server = createServer((socket) => this.forward(socket)).listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
  }

  /** Refuses connections and ends those there are. */
  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    if (!this.server) return;
    this.server.close();
    await once(this.server, 'close');
    this.server = undefined;
  }

  /** The connections there are stay open and carry nothing any more, as if a cable had been cut. New ones work. */
  block(): void {
    for (const socket of this.sockets) {
      socket.removeAllListeners('data').resume();
    }
  }

  /** Refuses new connections. Those there are stay open. */
  refuse(): void {
    this.server?.close();
  }

  private forward(near: Socket): void {
    this.accepted++;
    const far = connect(Number(this.target.port), this.target.hostname);
    relay(near, far, () => this.requestDelayMs);
    relay(far, near, () => this.answerDelayMs);
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

/** Passes on what arrives, in its order, each piece after the delay of the moment at which it arrived. */
function relay(from: Socket, to: Socket, delayMs: () => number): void {
  let lastDueAt = 0;
  from.on('data', (data) => {
    const now = performance.now();
    lastDueAt = Math.max(lastDueAt, now + delayMs());
    const pass = () => void (to.destroyed || to.write(data));
    if (lastDueAt <= now) pass();
    else setTimeout(pass, lastDueAt - now);
  });
  from.on('end', () => to.end());
}

/** A server that takes connections and never says a word. */
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
