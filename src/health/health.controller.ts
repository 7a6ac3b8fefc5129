import { Get, Header, Optional, Req, Res, ServiceUnavailableException, VERSION_NEUTRAL } from '@nestjs/common';
import {
  HealthCheckService,
  HealthIndicatorService,
  type HealthCheckResult,
  type HealthIndicatorResult,
} from '@nestjs/terminus';
import { Lifecycle, type HealthGroup } from '../ports/index.js';
import { AlsoOnMainPort, Operational } from '../guards/index.js';
import type { AdapterRequest } from '../context/index.js';
import type { HealthResult } from './health-check.runner.js';
import { HealthAccess } from './health.access.js';
import { HealthRegistry } from './health.registry.js';
import { HEALTH_JSON, toHealthJson, getWorstState, wantsHealthJson, type HealthJson } from './health.report.js';
import { SuiteController } from '../validation/index.js';

/** The part of a response that Express and Fastify share. */
interface ProbeResponse {
  status(code: number): unknown;
  header(name: string, value: string): unknown;
}

const NO_STORE = 'no-store';

/** Probes for Kubernetes, load balancers and people. */
@SuiteController({ version: VERSION_NEUTRAL })
@Operational()
export class HealthController {
  private hasStarted = false;

  constructor(
    private readonly registry: HealthRegistry,
    private readonly terminus: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly access: HealthAccess,
    @Optional() private readonly lifecycle: Lifecycle = new Lifecycle(),
  ) {}

  /** Whether the process should be restarted. Checks no dependency, because a restart would not repair it. */
  @Get(['health/live', 'livez'])
  @AlsoOnMainPort()
  @Header('Cache-Control', NO_STORE)
  live(@Req() request: AdapterRequest, @Res({ passthrough: true }) response: ProbeResponse) {
    return this.present(new Map(), request, response);
  }

  /** Whether traffic should be sent here. During a shutdown it fails without running checks, before the port closes. */
  @Get(['health/ready', 'readyz'])
  @AlsoOnMainPort()
  @Header('Cache-Control', NO_STORE)
  ready(@Req() request: AdapterRequest, @Res({ passthrough: true }) response: ProbeResponse) {
    if (this.lifecycle.state === 'running') return this.report('ready', request, response);
    response.status(503);
    return { status: 'shutting_down', info: {}, error: {}, details: {} };
  }

  /** Whether the start is complete. After the first success it always succeeds; the other probes show later failures. */
  @Get('health/startup')
  @Header('Cache-Control', NO_STORE)
  async startup(@Req() request: AdapterRequest, @Res({ passthrough: true }) response: ProbeResponse) {
    const results = this.hasStarted ? new Map<string, HealthResult>() : await this.registry.checkGroup('startup');
    this.hasStarted ||= getWorstState(results) !== 'down';
    return this.present(results, request, response);
  }

  /** State of the application. */
  @Get(['health', 'healthz'])
  @Header('Cache-Control', NO_STORE)
  full(@Req() request: AdapterRequest, @Res({ passthrough: true }) response: ProbeResponse) {
    return this.report('full', request, response);
  }

  /** State of the application and of the services that it depends on. */
  @Get('health/deep')
  @Header('Cache-Control', NO_STORE)
  deep(@Req() request: AdapterRequest, @Res({ passthrough: true }) response: ProbeResponse) {
    return this.report('deep', request, response);
  }

  private async report(group: HealthGroup, request: AdapterRequest, response: ProbeResponse) {
    return this.present(await this.registry.checkGroup(group), request, response);
  }

  private async present(
    results: ReadonlyMap<string, HealthResult>,
    request: AdapterRequest,
    response: ProbeResponse,
  ): Promise<HealthCheckResult | HealthJson> {
    const withDetails = await this.access.canSeeDetails(request);
    if (getWorstState(results) === 'down') response.status(503);
    if (!wantsHealthJson(request.headers.accept)) return this.terminusResult(results, withDetails);
    response.header('Content-Type', `${HEALTH_JSON}; charset=utf-8`);
    return toHealthJson(results, withDetails);
  }

  private async terminusResult(
    results: ReadonlyMap<string, HealthResult>,
    withDetails: boolean,
  ): Promise<HealthCheckResult> {
    const indicators = [...results].map(([key, result]) => this.indicator(key, result, withDetails));
    try {
      return await this.terminus.check(indicators.map((indicator) => () => indicator));
    } catch (error) {
      if (!(error instanceof ServiceUnavailableException)) throw error;
      return error.getResponse() as HealthCheckResult;
    }
  }

  private indicator(key: string, { state, details }: HealthResult, withDetails: boolean): HealthIndicatorResult {
    const session = this.indicators.check(key);
    const visibleDetails = withDetails ? { ...details } : {};
    if (state === 'up') return session.up(visibleDetails);
    return state === 'degraded' ? session.degraded(visibleDetails) : session.down(visibleDetails);
  }
}
