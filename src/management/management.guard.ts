import type { Socket } from 'node:net';
import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import {
  ChainedGuard,
  GuardOrder,
  MAIN_PORT_TOO,
  MANAGEMENT_ROUTE,
  OPERATIONAL_ROUTE,
  routeFlag,
  RouteMemo,
} from '../guards/index.js';
import { ProblemException } from '../problem/index.js';
import { requestOf } from '../context/index.js';
import { MANAGEMENT_OPTIONS, type ManagementModuleOptions } from './management.options.js';

/** Express hands out Node's request, Fastify wraps it; both have the socket. */
interface SocketRequest {
  readonly socket: Socket;
}

/**
 * Serves operators' routes on the management port and the others on the main port. Elsewhere they do not exist. It runs
 * after the limits by address, so that a flood of 404 responses is limited like any other.
 */
@Injectable()
@ChainedGuard({ order: GuardOrder.Port })
export class ManagementGuard implements CanActivate {
  private readonly ports = new RouteMemo((handler, controller) => {
    const has = (flag: symbol) => routeFlag(this.reflector, flag, handler, controller);
    const management = has(OPERATIONAL_ROUTE) || has(MANAGEMENT_ROUTE);
    return { management, main: !management || has(MAIN_PORT_TOO) };
  });

  constructor(
    private readonly reflector: Reflector,
    @Inject(MANAGEMENT_OPTIONS) private readonly options: ManagementModuleOptions,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    if (context.getType() !== 'http') return true;
    const { localPort } = requestOf<SocketRequest>(context).socket;
    const ports = this.ports.get(context);
    if (localPort === this.options.port ? ports.management : ports.main) return true;
    throw new ProblemException('NOT_FOUND', 'There is no such route.');
  }
}
