import { Get, Inject, Injectable, Param, Query, Res, VERSION_NEUTRAL, type ControllerOptions } from '@nestjs/common';
import { CurrentUser, Roles } from '../auth/index.js';
import { Authenticated, Public } from '../guards/index.js';
import { ProblemException } from '../problem/index.js';
import type { Principal } from '../context/index.js';
import { toJUnit, toSarif } from '../reports/index.js';
import { Throttle } from '../throttler/index.js';
import { Role } from '../users/index.js';
import { MAX_REQUESTS_PER_MINUTE } from './checks/http.checks.js';
import { streamRun, type RawResponse } from './report/event-stream.js';
import { RunHistory, type Run, type RunSummary } from './run-history.js';
import { SelfTestRunner, type GroupResult } from './self-test.runner.js';
import { SuiteController } from '../validation/index.js';

const ROUTES: ControllerOptions = { path: 'production-test', version: ['1', VERSION_NEUTRAL] };
const PAYLOAD_LINES = 200;
/** A run takes several seconds, so the number of runs is limited. */
const RUNS = { default: { limit: 10, ttl: 60_000 } };

/** The part of a response that both adapters share. */
interface Reply {
  header(name: string, value: string): unknown;
}

/** Routes that the checks request as a client. They are available in production too, and reveal nothing. */
@SuiteController(ROUTES)
@Public()
export class SampleController {
  /** A route with a low rate limit. */
  @Get('rate-limit')
  @Throttle({ default: { limit: MAX_REQUESTS_PER_MINUTE, ttl: 60_000 } })
  rateLimit(): { check: string; admitted: true; limit: number; windowSeconds: number } {
    return { check: 'rate-limit', admitted: true, limit: MAX_REQUESTS_PER_MINUTE, windowSeconds: 60 };
  }

  /** A body that is large enough to be compressed. */
  @Get('compression/payload')
  payload(): { lines: string[] } {
    return { lines: Array.from({ length: PAYLOAD_LINES }, (_, i) => `line ${i} of a body that compresses well`) };
  }

  /** A route that requires authentication. */
  @Get('protected')
  @Authenticated()
  protected(@CurrentUser() { id, email, roles }: Principal): { check: string; admitted: true; user: object } {
    return { check: 'protected', admitted: true, user: { id, email, roles } };
  }

  @Get('roles/admin-only')
  @Authenticated()
  @Roles(Role.Admin)
  adminOnly(): { check: string; admitted: true } {
    return { check: 'roles', admitted: true };
  }
}

/** The routes that run checks. The two controllers below decide who may call them. */
@Injectable()
abstract class ProductionTestRoutes {
  @Inject(SelfTestRunner) protected readonly tests!: SelfTestRunner;
  @Inject(RunHistory) protected readonly runs!: RunHistory;

  @Get()
  list(): { checks: ReturnType<SelfTestRunner['list']> } {
    return { checks: this.tests.list() };
  }

  @Get('roles')
  @Authenticated()
  roles(): Promise<GroupResult> {
    return this.tests.runGroup('roles');
  }

  @Get('all-features')
  @Authenticated()
  @Throttle(RUNS)
  allFeatures(): Promise<Run> {
    return this.tests.runAll();
  }

  /** Runs all checks and sends server-sent events: `result` after each check, then `report`. */
  @Get('all-features/stream')
  @Authenticated()
  @Throttle(RUNS)
  stream(@Res() response: RawResponse): Promise<void> {
    return streamRun(response, (listener) => this.tests.runAll(listener));
  }

  /** Returns the last runs, the latest first: of all replicas if they share a Redis, otherwise of this process. */
  @Get('history')
  @Authenticated()
  async history(): Promise<{ shared: boolean; runs: RunSummary[] }> {
    return { shared: this.runs.isShared, runs: await this.runs.list() };
  }

  /** Returns a past run by its id, or the latest run by `latest`. `format` is json, junit or sarif. */
  @Get('history/:run')
  @Authenticated()
  async pastRun(
    @Param('run') id: string,
    @Query('format') format: string | undefined,
    @Res({ passthrough: true }) response: Reply,
  ): Promise<unknown> {
    const run = await this.runs.find(id);
    if (!run)
      throw new ProblemException('NOT_FOUND', 'There is no such run. GET /production-test/history lists the runs.');
    if (format === 'junit') {
      response.header('Content-Type', 'application/xml; charset=utf-8');
      return toJUnit(run, 'production-test');
    }
    return format === 'sarif' ? toSarif(run, 'production-test') : run;
  }

  /** Runs one group of checks, such as `headers`, or one check, such as `headers.nosniff`. */
  @Get(':group')
  group(@Param('group') group: string): Promise<GroupResult> {
    return this.tests.runGroup(group);
  }
}

/** Used outside production. The routes are public, except routes marked `@Authenticated()`. */
@SuiteController(ROUTES)
@Public()
export class OpenProductionTestController extends ProductionTestRoutes {}

/** Used in production. The routes are for administrators only. */
@SuiteController(ROUTES)
@Roles(Role.Admin)
export class AdminProductionTestController extends ProductionTestRoutes {}
