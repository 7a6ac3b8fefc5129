import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import {
  Inject,
  Injectable,
  Logger,
  Optional,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { answerClientError, limitServer } from '../security/index.js';
import { ShutdownService } from '../shutdown/index.js';
import { MANAGEMENT_OPTIONS, type ManagementModuleOptions } from './management.options.js';

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_MAX_CONNECTIONS = 1_000;

/** Settings of Node's server that the main server may have been given; the ones of time are in `limitServer()`. */
const SHARED_SETTINGS = ['maxHeaderSize', 'maxHeadersCount', 'maxRequestsPerSocket', 'requireHostHeader'] as const;

/**
 * The second port. Its requests go through the application's own handler, and so through the same pipeline, body limits
 * and guards. The limits of its connections are its own, because Node has them on each server.
 */
@Injectable()
export class ManagementServer implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Management');
  private readonly server = createServer();

  constructor(
    private readonly adapterHost: HttpAdapterHost,
    @Inject(MANAGEMENT_OPTIONS) private readonly options: ManagementModuleOptions,
    @Optional() private readonly shutdown?: ShutdownService,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const { port, host = DEFAULT_HOST } = this.options;
    const main = this.adapterHost.httpAdapter.getHttpServer() as Server;
    this.limitLike(main);
    this.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      main.emit('request', request, response);
    });
    this.shutdown?.watchServer(this.server);
    this.server.listen(port, host);
    await once(this.server, 'listening');
    this.logger.log(`The management port listens on ${host}:${port}`);
  }

  onApplicationShutdown(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private limitLike(main: Server): void {
    limitServer(this.server);
    const given = main as unknown as Record<(typeof SHARED_SETTINGS)[number], unknown>;
    for (const name of SHARED_SETTINGS) {
      if (given[name] !== undefined) Object.assign(this.server, { [name]: given[name] });
    }
    this.server.maxConnections = this.options.maxConnections ?? DEFAULT_MAX_CONNECTIONS;
    // What is not HTTP gets the answer of the main port.
    const listeners = main.listeners('clientError') as ReturnType<typeof answerClientError>[];
    for (const listener of listeners.length > 0 ? listeners : [answerClientError([])]) {
      this.server.on('clientError', listener);
    }
  }
}
