import { randomInt } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { platform } from 'node:os';
import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { exchange, type Answer, type Ask } from '../doctor/index.js';
import { RUN_TIMEOUT_MS } from './self-test.js';

/** A client of the application as others are, at an address that it shares with none of them. */
export interface Visitor {
  readonly address: string;
  /** @throws Error when no answer comes */
  readonly send: (path: string, ask?: Ask) => Promise<Answer>;
}

/** Sends requests to the application's own listener, so that a check goes the whole way that a client's request goes. */
@Injectable()
export class SelfClient {
  /** For one answer, in milliseconds: longer than a run, so that on a busy machine a check is unfinished and has not failed. */
  readonly timeoutMs: number;

  constructor(
    private readonly adapterHost: HttpAdapterHost,
    @Inject(RUN_TIMEOUT_MS) runTimeoutMs: number,
  ) {
    this.timeoutMs = 1.5 * runTimeoutMs;
  }

  /** Its requests are counted apart from everybody else's. */
  visitor(): Visitor {
    const address = this.ownAddress();
    return {
      address,
      send: (path, ask = {}) => exchange(this.url, path, ask, { timeoutMs: this.timeoutMs, from: address }),
    };
  }

  /** A loopback address that nobody else uses. Other systems than Linux only have 127.0.0.1. */
  ownAddress(): string {
    if (this.url.hostname.startsWith('[')) return '::1';
    return platform() === 'linux' ? `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}` : '127.0.0.1';
  }

  /** Where the application listens. @throws Error while it does not */
  get url(): URL {
    const server = this.adapterHost.httpAdapter.getHttpServer() as { address(): AddressInfo | string | null };
    const address = server.address();
    if (address === null || typeof address === 'string') {
      throw new Error('The application does not listen on a TCP port, so it cannot call itself');
    }
    return new URL(`http://${ownHost(address)}:${address.port}`);
  }
}

/** Where the own listener is reached: at 127.0.0.1, unless it is bound to one other address. */
function ownHost({ address, family }: AddressInfo): string {
  if (address === '0.0.0.0' || address === '::') return '127.0.0.1';
  return family === 'IPv6' ? `[${address}]` : address;
}
