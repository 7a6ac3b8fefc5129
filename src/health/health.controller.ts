import {
  Controller,
  Get,
  Header,
  Optional,
  Req,
  Res,
  ServiceUnavailableException,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import {
  HealthCheckService,
  HealthIndicatorService,
  type HealthCheckResult,
  type HealthIndicatorResult,
} from '@nestjs/terminus';
import { Lifecycle, type HealthGroup } from '../ports/index.js';
import { OnMainPortToo, Operational } from '../guards/index.js';
import type { AdapterRequest } from '../context/index.js';
import type { HealthFinding } from './health-check.runner.js';
import { HealthAccess } from './health.access.js';
import { HealthRegistry } from './health.registry.js';
import { HEALTH_JSON, healthJson, overall, wantsHealthJson, type HealthJson } from './health.report.js';

/** The part of a response that Express and Fastify share. */
interface ProbeResponse {
  status(code: number): unknown;
  header(name: string, value: string): unknown;
}

const NO_STORE = 'no-store';

/** Probes for Kubernetes, load balancers and people. */
@Controller({ version: VERSION_NEUTRAL })
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

  /** Whether the process should be restarted. Asks no dependency: a restart would mend none. */
  @Get(['health/live', 'livez'])
  @OnMainPortToo()
  @Header('Cache-Control', NO_STORE)
  live(@Req() request: AdapterRequest, @Res({ passthrough: true }) response: ProbeResponse) {
    return this.present(new Map(), request, response);
  }

  /** Whether traffic should be sent here. A shutdown says no before it closes the port, and asks nobody for it. */
  @Get(['health/ready', 'readyz'])
  @OnMainPortToo()
  @Header('Cache-Control', NO_STORE)
  ready(@Req() request: AdapterRequest, @Res({ passthrough: true }) response: ProbeResponse) {
    if (this.lifecycle.state === 'running') return this.report('ready', request, response);
    response.status(503);
    return { status: 'shutting_down', info: {}, error: {}, details: {} };
  }

  /** Whether the start is complete. Once it was, the answer stays: later trouble is for the other probes. */
  @Get('health/startup')
  @Header('Cache-Control', NO_STORE)
  async startup(@Req() request: AdapterRequest, @Res({ passthrough: true }) response: ProbeResponse) {
    const findings = this.hasStarted ? new Map<string, HealthFinding>() : await this.registry.examine('startup');
    this.hasStarted ||= overall(findings) !== 'down';
    return this.present(findings, request, response);
  }

  /** Everything about the application. */
  @Get(['health', 'healthz'])
  @Header('Cache-Control', NO_STORE)
  full(@Req() request: AdapterRequest, @Res({ passthrough: true }) response: ProbeResponse) {
    return this.report('full', request, response);
  }

  /** Everything about the application and what it relies on. */
  @Get('health/deep')
  @Header('Cache-Control', NO_STORE)
  deep(@Req() request: AdapterRequest, @Res({ passthrough: true }) response: ProbeResponse) {
    return this.report('deep', request, response);
  }

  private async report(group: HealthGroup, request: AdapterRequest, response: ProbeResponse) {
    return this.present(await this.registry.examine(group), request, response);
  }

  private async present(
    findings: ReadonlyMap<string, HealthFinding>,
    request: AdapterRequest,
    response: ProbeResponse,
  ): Promise<HealthCheckResult | HealthJson> {
    const withDetails = await this.access.seesDetails(request);
    if (overall(findings) === 'down') response.status(503);
    if (!wantsHealthJson(request.headers.accept)) return this.terminusResult(findings, withDetails);
    response.header('Content-Type', `${HEALTH_JSON}; charset=utf-8`);
    return healthJson(findings, withDetails);
  }

  private async terminusResult(
    findings: ReadonlyMap<string, HealthFinding>,
    withDetails: boolean,
  ): Promise<HealthCheckResult> {
    const indicators = [...findings].map(([key, finding]) => this.indicator(key, finding, withDetails));
    try {
      return await this.terminus.check(indicators.map((indicator) => () => indicator));
    } catch (error) {
      if (!(error instanceof ServiceUnavailableException)) throw error;
      return error.getResponse() as HealthCheckResult;
    }
  }

  private indicator(key: string, { state, details }: HealthFinding, withDetails: boolean): HealthIndicatorResult {
    const session = this.indicators.check(key);
    const shown = withDetails ? { ...details } : {};
    if (state === 'up') return session.up(shown);
    return state === 'degraded' ? session.degraded(shown) : session.down(shown);
  }
}
