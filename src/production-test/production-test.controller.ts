import { Controller, Get, Inject, Injectable, VERSION_NEUTRAL, type ControllerOptions } from '@nestjs/common';
import { Roles, CurrentUser } from '../auth/index.js';
import { Authenticated, Public, type Principal } from '../common/index.js';
import { Throttle } from '../throttler/index.js';
import { Role } from '../users/index.js';
import { RATE_LIMIT } from './http.checks.js';
import { ProductionTestService, type Report } from './production-test.service.js';
import type { CheckResult } from './self-test.check.js';

const ROUTES: ControllerOptions = { path: 'production-test', version: ['1', VERSION_NEUTRAL] };
const PAYLOAD_LINES = 200;

/** The routes. Who may call them is said by the two controllers below. */
@Injectable()
abstract class ProductionTestRoutes {
  @Inject(ProductionTestService) protected readonly tests!: ProductionTestService;

  @Get()
  list(): { checks: ReturnType<ProductionTestService['list']> } {
    return { checks: this.tests.list() };
  }

  @Get('config')
  config(): Promise<CheckResult> {
    return this.tests.run('config');
  }

  /** The route that is limited: what a client does to it is the test. */
  @Get('rate-limit')
  @Throttle({ default: { limit: RATE_LIMIT, ttl: 60_000 } })
  rateLimit(): { check: string; admitted: true; limit: number; windowSeconds: number } {
    return { check: 'rate-limit', admitted: true, limit: RATE_LIMIT, windowSeconds: 60 };
  }

  @Get('compression')
  compression(): Promise<CheckResult> {
    return this.tests.run('compression');
  }

  /** A body that is large enough to be compressed. */
  @Get('compression/payload')
  payload(): { lines: string[] } {
    return { lines: Array.from({ length: PAYLOAD_LINES }, (_, i) => `line ${i} of a body that compresses well`) };
  }

  @Get('headers')
  headers(): Promise<CheckResult> {
    return this.tests.run('headers');
  }

  @Get('auth-flow')
  authFlow(): Promise<CheckResult> {
    return this.tests.run('auth-flow');
  }

  @Get('audit')
  audit(): Promise<CheckResult> {
    return this.tests.run('audit');
  }

  /** Closed: that the caller gets here at all is the test. */
  @Get('protected')
  @Authenticated()
  protected(@CurrentUser() { id, email, roles }: Principal): { check: string; admitted: true; user: object } {
    return { check: 'protected', admitted: true, user: { id, email, roles } };
  }

  @Get('roles')
  @Authenticated()
  roles(): Promise<CheckResult> {
    return this.tests.run('roles');
  }

  @Get('roles/admin-only')
  @Authenticated()
  @Roles(Role.Admin)
  adminOnly(): { check: string; admitted: true } {
    return { check: 'roles', admitted: true };
  }

  @Get('all-features')
  @Authenticated()
  allFeatures(): Promise<Report> {
    return this.tests.runAll();
  }
}

/** Outside production: open, but for the routes that are about being closed. */
@Controller(ROUTES)
@Public()
export class OpenProductionTestController extends ProductionTestRoutes {}

/** In production: for administrators. */
@Controller(ROUTES)
@Roles(Role.Admin)
export class AdminProductionTestController extends ProductionTestRoutes {}
