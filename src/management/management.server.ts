import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Inject, Injectable, Optional, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ShutdownService } from '../shutdown/index.js';
import { MANAGEMENT_OPTIONS, type ManagementModuleOptions } from './management.options.js';

/** The second port. Its requests go through the application's own handler, and so through the same pipeline. */
@Injectable()
export class ManagementServer implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly server = createServer();

  constructor(
    private readonly adapterHost: HttpAdapterHost,
    @Inject(MANAGEMENT_OPTIONS) private readonly options: ManagementModuleOptions,
    @Optional() private readonly shutdown?: ShutdownService,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const main = this.adapterHost.httpAdapter.getHttpServer() as Server;
    this.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      main.emit('request', request, response);
    });
    this.shutdown?.watchServer(this.server);
    this.server.listen(this.options.port, this.options.host ?? '0.0.0.0');
    await once(this.server, 'listening');
  }

  onApplicationShutdown(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}
