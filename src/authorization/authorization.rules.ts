import { Inject, Injectable, Optional, type ExecutionContext, type OnModuleInit, type Type } from '@nestjs/common';
import { ModuleRef, ModulesContainer, Reflector } from '@nestjs/core';
import { listHandlers, RouteMemo } from '../guards/index.js';
import { Metrics, NoMetrics, type Counter, type MetricFamily } from '../ports/index.js';
import { AccessControl } from './access-control.js';
import { AUTHORIZATION_OPTIONS, type AuthorizationModuleOptions } from './authorization.options.js';
import { RouteRules, type Denial, type RouteRule } from './route-rule.js';

/** The rules of all routes, and the counters of denials. There may be several guards, but each of these exists once. */
@Injectable()
export class AuthorizationRules implements OnModuleInit {
  private readonly rules: RouteMemo<RouteRule>;
  private readonly denials: MetricFamily<Counter>;

  constructor(
    access: AccessControl,
    private readonly modules: ModulesContainer,
    reflector: Reflector,
    moduleRef: ModuleRef,
    @Optional() @Inject(AUTHORIZATION_OPTIONS) options: AuthorizationModuleOptions = {},
    @Optional() metrics: Metrics = new NoMetrics(),
  ) {
    const find = <T>(type: Type<T>): T => moduleRef.get(type, { strict: false });
    const rules = new RouteRules(reflector, access.hierarchy, options, find);
    this.rules = new RouteMemo((handler, controller) => rules.createRule(handler, controller));
    this.denials = metrics.counter({
      name: 'access_denied_total',
      help: 'Denied requests of authenticated callers, by reason.',
      labelNames: ['reason'],
    });
    for (const reason of ['role', 'permission', 'policy', 'api_key']) this.denials.labels({ reason }).add(0);
  }

  /** Creates the rules of all routes at start, so that an unknown role or permission fails the start and not a request. */
  onModuleInit(): void {
    for (const { controller, handler } of listHandlers(this.modules)) this.rules.getForRoute(handler, controller);
  }

  getRule(context: ExecutionContext): RouteRule {
    return this.rules.get(context);
  }

  countDenial(reason: Denial['reason']): void {
    this.denials.labels({ reason }).add();
  }
}
