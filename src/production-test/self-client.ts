import { randomInt } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { platform } from 'node:os';
import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { sendRequest, type ResponseData, type RequestOptions } from '../doctor/index.js';
import { RUN_TIMEOUT_MS } from './self-test.js';

/** A client of the application with its own address. */
export interface TestClient {
  readonly address: string;
  /** @throws Error if no response arrives */
  readonly send: (path: string, ask?: RequestOptions) => Promise<ResponseData>;
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
    @Inject(RUN_TIMEOUT_MS) runTimeoutMs: number,
  ) {
    this.timeoutMs = 1.5 * runTimeoutMs;
  }

  /** Creates a client with its own address, so that its requests are counted separately. */
  createClient(): TestClient {
    const address = this.createAddress();
    return {
      address,
      send: (path, ask = {}) => sendRequest(this.url, path, ask, { timeoutMs: this.timeoutMs, localAddress: address }),
    };
  }

  /** Returns a random loopback address. Only Linux has other loopback addresses than 127.0.0.1. */
  createAddress(): string {
    if (this.url.hostname.startsWith('[')) return '::1';
    return platform() === 'linux' ? `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}` : '127.0.0.1';
  }

  /** URL of the application's listener. @throws Error if the application does not listen */
  get url(): URL {
    const server = this.adapterHost.httpAdapter.getHttpServer() as { address(): AddressInfo | string | null };
    const address = server.address();
    if (address === null || typeof address === 'string') {
      throw new Error('The application does not listen on a TCP port, so the self-test cannot send requests to it');
    }
    return new URL(`http://${getListenerHost(address)}:${address.port}`);
  }
}

/** Host of the own listener: 127.0.0.1, unless it is bound to one other address. */
function getListenerHost({ address, family }: AddressInfo): string {
  if (address === '0.0.0.0' || address === '::') return '127.0.0.1';
  return family === 'IPv6' ? `[${address}]` : address;
}
