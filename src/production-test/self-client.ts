import { randomInt } from 'node:crypto';
import { request, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { platform } from 'node:os';
import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

export interface SelfResponse {
  status: number;
  headers: IncomingHttpHeaders;
  /** Bytes of the body as they came over the wire. */
  wireBytes: number;
  /** The body, parsed where it is JSON and not compressed. */
  body: unknown;
}

export interface SelfRequest {
  method?: string;
  headers?: Record<string, string>;
  /** Sent as JSON. */
  body?: unknown;
  /** Source address of the connection. */
  from?: string;
}

const TIMEOUT_MS = 5_000;

/** Sends requests to the application's own listener, so that a check goes the whole way that a client's request goes. */
@Injectable()
export class SelfClient {
  constructor(private readonly adapterHost: HttpAdapterHost) {}

  /**
   * A loopback address of its own for one run, so that its requests are counted apart from everybody else's. Other
   * systems than Linux only have 127.0.0.1.
   */
  ownAddress(): string {
    return platform() === 'linux' ? `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}` : '127.0.0.1';
  }

  /** Where the application listens. @throws Error while it does not */
  get url(): string {
    return `http://127.0.0.1:${this.port()}`;
  }

  send(
    path: string,
    { method = 'GET', headers = {}, body, from = '127.0.0.1' }: SelfRequest = {},
  ): Promise<SelfResponse> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          port: this.port(),
          path,
          method,
          localAddress: from,
          agent: false,
          timeout: TIMEOUT_MS,
          headers: { ...(payload !== undefined && { 'Content-Type': 'application/json' }), ...headers },
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('error', reject);
          incoming.on('end', () => {
            const bytes = Buffer.concat(chunks);
            resolve({
              status: incoming.statusCode ?? 0,
              headers: incoming.headers,
              wireBytes: bytes.length,
              body: incoming.headers['content-encoding'] === undefined ? parsed(bytes) : undefined,
            });
          });
        },
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error(`${method} ${path} had no answer in ${TIMEOUT_MS} ms`)));
      outgoing.on('error', reject);
      outgoing.end(payload);
    });
  }

  private port(): number {
    const server = this.adapterHost.httpAdapter.getHttpServer() as { address(): AddressInfo | string | null };
    const address = server.address();
    if (address === null || typeof address === 'string') {
      throw new Error('The application does not listen on a TCP port, so it cannot call itself');
    }
    return address.port;
  }
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return bytes.toString('utf8');
  }
}
