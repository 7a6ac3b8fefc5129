import { randomInt } from 'node:crypto';
import type { AddressInfo, Server } from 'node:net';
import { platform } from 'node:os';
import { Server as TlsServer, connect, type TLSSocket } from 'node:tls';
import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { sendRequest, type ResponseData, type RequestOptions } from '../doctor/index.js';
import { SelfRoutes } from './self-routes.js';
import { RUN_TIMEOUT_MS } from './self-test.js';

export interface SelfRequest extends RequestOptions {
  /** Version of the route. @default none, if the route answers without one */
  version?: string;
}

/** A client of the application with its own address. */
export interface TestClient {
  readonly address: string;
  /**
   * @param path path as the controller declares it, without prefix and version
   * @throws SkipCheck if the application has no such route
   * @throws Error if no response arrives
   */
  readonly send: (path: string, ask?: SelfRequest) => Promise<ResponseData>;
}

/** The application's own listener. */
export interface Listener {
  readonly url: URL;
  /** SHA-256 fingerprint of its certificate, if it uses TLS. */
  readonly fingerprint: string | undefined;
}

/** Sends requests to the application's own listener, so that a check tests the same path as a client's request. */
@Injectable()
export class SelfClient {
  /**
   * Time limit for one response, in milliseconds. It is longer than the time limit of a run, so that on a busy machine a
   * check is reported as unfinished and not as failed.
   */
  readonly timeoutMs: number;

  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly routes: SelfRoutes,
    @Inject(RUN_TIMEOUT_MS) runTimeoutMs: number,
  ) {
    this.timeoutMs = 1.5 * runTimeoutMs;
  }

  /** Creates a client with its own address, so that its requests are counted separately. */
  createClient(): TestClient {
    const address = this.createAddress();
    return {
      address,
      send: async (path, { version, ...ask } = {}) => {
        const route = this.routes.require(ask.method ?? 'GET', path, version);
        const { url, fingerprint } = await this.findListener();
        const headers = { ...route.headers, ...ask.headers };
        const options = { timeoutMs: this.timeoutMs, localAddress: address, fingerprint };
        return sendRequest(url, route.path, { ...ask, headers }, options);
      },
    };
  }

  /** Returns a random loopback address. Only Linux has other loopback addresses than 127.0.0.1. */
  createAddress(): string {
    if (this.url.hostname.startsWith('[')) return '::1';
    return platform() === 'linux' ? `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}` : '127.0.0.1';
  }

  /** Returns the listener, with its certificate at this moment. */
  async findListener(): Promise<Listener> {
    const { server, url } = this;
    return { url, fingerprint: server instanceof TlsServer ? await readFingerprint(server, url) : undefined };
  }

  /** URL of the application's listener. @throws Error if the application does not listen */
  get url(): URL {
    const address = this.server.address();
    if (address === null || typeof address === 'string') {
      throw new Error('The application does not listen on a TCP port, so the self-test cannot send requests to it');
    }
    const scheme = this.server instanceof TlsServer ? 'https' : 'http';
    return new URL(`${scheme}://${getListenerHost(address)}:${address.port}`);
  }

  private get server(): Server {
    return this.adapterHost.httpAdapter.getHttpServer() as Server;
  }
}

/** Host of the own listener: 127.0.0.1, unless it is bound to one other address. */
function getListenerHost({ address, family }: AddressInfo): string {
  if (address === '0.0.0.0' || address === '::') return '127.0.0.1';
  return family === 'IPv6' ? `[${address}]` : address;
}

/**
 * Reads the certificate of the own server. The certificate may be valid for other names only, so it cannot be verified as
 * that of another server. The server's side of the same connection reports it, so it is that of this process.
 */
async function readFingerprint(server: TlsServer, url: URL): Promise<string> {
  const connection = connect({
    host: url.hostname.replace(/[[\]]/g, ''),
    port: Number(url.port),
    rejectUnauthorized: false,
  });
  return new Promise((resolve, reject) => {
    const accept = (socket: TLSSocket) => {
      if (socket.remotePort !== connection.localPort) return;
      server.off('secureConnection', accept);
      connection.destroy();
      const fingerprint = socket.getX509Certificate()?.fingerprint256;
      if (fingerprint === undefined) reject(new Error('the own listener uses TLS without a certificate'));
      else resolve(fingerprint);
    };
    server.on('secureConnection', accept);
    connection.once('error', (error) => {
      server.off('secureConnection', accept);
      reject(error);
    });
  });
}
