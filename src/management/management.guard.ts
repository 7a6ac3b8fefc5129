import type { Socket } from 'node:net';
import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import {
  ChainedGuard,
  GuardOrder,
  ALSO_ON_MAIN_PORT,
  MANAGEMENT_ROUTE,
  OPERATIONAL_ROUTE,
  hasRouteFlag,
  RouteMemo,
} from '../guards/index.js';
import { ProblemException } from '../problem/index.js';
import { getRequest } from '../context/index.js';
import { MANAGEMENT_OPTIONS, type ManagementModuleOptions } from './management.options.js';

/** Express passes Node's request, and Fastify wraps it. Both have the socket. */
interface SocketRequest {
  readonly socket: Socket;
}

/**
 * Serves management routes only on the management port, and other routes only on the main port. On the wrong port, the
 * response is 404. The guard runs after the limits by address, so that a flood of 404 responses is limited too.
 */
@Injectable()
@ChainedGuard({ order: GuardOrder.Port })
export class ManagementGuard implements CanActivate {
  private readonly ports = new RouteMemo((handler, controller) => {
    const has = (flag: symbol) => hasRouteFlag(this.reflector, flag, handler, controller);
    const management = has(OPERATIONAL_ROUTE) || has(MANAGEMENT_ROUTE);
    return { management, main: !management || has(ALSO_ON_MAIN_PORT) };
  });

  constructor(
    private readonly reflector: Reflector,
    @Inject(MANAGEMENT_OPTIONS) private readonly options: ManagementModuleOptions,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    if (context.getType() !== 'http') return true;
    const { localPort } = getRequest<SocketRequest>(context).socket;
    const ports = this.ports.get(context);
    if (localPort === this.options.port ? ports.management : ports.main) return true;
    throw new ProblemException('NOT_FOUND', 'There is no such route.');
  }
}
