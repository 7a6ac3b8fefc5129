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
import { createClientErrorListener, setServerTimeouts } from '../security/index.js';
import { ShutdownService } from '../shutdown/index.js';
import { MANAGEMENT_OPTIONS, type ManagementModuleOptions } from './management.options.js';

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_MAX_CONNECTIONS = 1_000;

/** Settings of the main server that the management server copies. `setServerTimeouts()` sets the timeouts. */
const SHARED_SETTINGS = ['maxHeaderSize', 'maxHeadersCount', 'maxRequestsPerSocket', 'requireHostHeader'] as const;

/**
 * The server of the management port. It passes its requests to the application's request handler, so the same pipeline,
 * body limits and guards apply. Connection limits are set on each Node server, so this server has its own.
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
    this.copyLimits(main);
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

  private copyLimits(main: Server): void {
    setServerTimeouts(this.server);
    const settings = main as unknown as Record<(typeof SHARED_SETTINGS)[number], unknown>;
    for (const name of SHARED_SETTINGS) {
      if (settings[name] !== undefined) Object.assign(this.server, { [name]: settings[name] });
    }
    this.server.maxConnections = this.options.maxConnections ?? DEFAULT_MAX_CONNECTIONS;
    // Malformed HTTP gets the same response as on the main port.
    const listeners = main.listeners('clientError') as ReturnType<typeof createClientErrorListener>[];
    for (const listener of listeners.length > 0 ? listeners : [createClientErrorListener([])]) {
      this.server.on('clientError', listener);
    }
  }
}
