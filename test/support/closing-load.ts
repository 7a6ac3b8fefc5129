import { once } from 'node:events';
import { connect, constants, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { Agent, request, type RequestOptions } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

const PAUSE_MS = 5;
/** Enough to see that the server fails. */
const MAX_LOST = 100;

export interface LoadClient {
  /** Whether the next request opens a connection. */
  readonly needsConnection: boolean;
  /** Sends a request. Rejects if the response is not complete. */
  send(): Promise<number>;
}

/**
 * Clients that send requests one after another. After {@link stopConnecting}, as behind a load balancer that has noticed
 * the shutdown, a client continues on its open connection until the server closes it, and opens no other.
 */
export class ClosingLoad {
  answered = 0;
  readonly lost: string[] = [];
  private isConnecting = true;
  private readonly done: Promise<unknown>;

  constructor(clients: readonly LoadClient[]) {
    this.done = Promise.all(clients.map((client) => this.run(client)));
  }

  stopConnecting(): void {
    this.isConnecting = false;
  }

  /** Waits until each client has lost its connection. */
  async ends(): Promise<void> {
    await this.done;
  }

  private async run(client: LoadClient): Promise<void> {
    while ((this.isConnecting || !client.needsConnection) && this.lost.length < MAX_LOST) {
      try {
        const status = await client.send();
        if (status === 200) this.answered++;
        else this.lost.push(`status ${status}`);
      } catch (error) {
        this.lost.push(String(error));
      }
      await sleep(PAUSE_MS);
    }
  }
}

/** A client of HTTP/1 over TLS. */
export function createTlsClient(options: RequestOptions, keepAlive: boolean): LoadClient {
  const agent = new Agent({ keepAlive, maxSockets: 1 });
  let needsConnection = true;
  return {
    get needsConnection() {
      return needsConnection;
    },
    send: () =>
      new Promise((resolve, reject) => {
        needsConnection = true;
        request({ ...options, agent }, (incoming) => {
          incoming.on('error', reject);
          incoming.on('end', () => {
            needsConnection = !keepAlive || incoming.headers.connection === 'close';
            resolve(incoming.statusCode ?? 0);
          });
          incoming.resume();
        })
          .on('error', reject)
          .end();
      }),
  };
}

/**
 * A client of HTTP/2. It repeats a request that the server has not processed (REFUSED_STREAM, RFC 9113 section 8.7), as
 * browsers and proxies do.
 */
export function createHttp2Client(url: string, path: string, ca: string, keepAlive: boolean): LoadClient {
  let session: ClientHttp2Session | undefined;
  const isOpen = () => session !== undefined && !session.closed && !session.destroyed;
  const send = async (): Promise<number> => {
    if (!session || !isOpen()) {
      session = connect(url, { ca });
      await once(session, 'connect');
    }
    const stream = session.request({ ':path': path });
    stream.resume();
    try {
      const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
      if (!stream.closed) await once(stream, 'close');
      if (!keepAlive) session.close();
      return Number(headers[':status']);
    } catch (error) {
      if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) return send();
      throw error;
    }
  };
  return {
    get needsConnection() {
      return !isOpen();
    },
    send,
  };
}
