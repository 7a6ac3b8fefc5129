import { Controller, Get, Header, Optional, Res, ServiceUnavailableException, VERSION_NEUTRAL } from '@nestjs/common';
import {
  HealthCheckService,
  HealthIndicatorService,
  type HealthCheckResult,
  type HealthIndicatorResult,
} from '@nestjs/terminus';
import { Lifecycle, Operational } from '../common/index.js';
import type { HealthFinding } from './health-check.runner.js';
import { HealthRegistry } from './health.registry.js';

/** The part of a response that Express and Fastify share. */
interface StatusResponse {
  status(code: number): unknown;
}

const NO_STORE = 'no-store';

/** Probes for Kubernetes, load balancers and people. Callers see states; details stay inside. */
@Controller({ version: VERSION_NEUTRAL })
@Operational()
export class HealthController {
  constructor(
    private readonly registry: HealthRegistry,
    private readonly terminus: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    @Optional() private readonly lifecycle: Lifecycle = new Lifecycle(),
  ) {}

  /** Whether the process should be restarted. Asks no dependency: a restart would mend none. */
  @Get(['health/live', 'livez'])
  @Header('Cache-Control', NO_STORE)
  live(): Promise<HealthCheckResult> {
    return this.terminus.check([]);
  }

  /** Whether traffic should be sent here. A shutdown says no before it closes the port, and asks nobody for it. */
  @Get(['health/ready', 'readyz'])
  @Header('Cache-Control', NO_STORE)
  ready(@Res({ passthrough: true }) response: StatusResponse): Promise<HealthCheckResult> {
    if (this.lifecycle.state === 'running') return this.report('ready', response);
    response.status(503);
    return Promise.resolve({ status: 'shutting_down', info: {}, error: {}, details: {} });
  }

  /** Everything that is known. */
  @Get(['health', 'healthz'])
  @Header('Cache-Control', NO_STORE)
  full(@Res({ passthrough: true }) response: StatusResponse): Promise<HealthCheckResult> {
    return this.report('full', response);
  }

  private async report(group: string, response: StatusResponse): Promise<HealthCheckResult> {
    const findings = await this.registry.examine(group);
    try {
      return await this.terminus.check(
        [...findings].map(
          ([key, finding]) =>
            () =>
              this.indicator(key, finding),
        ),
      );
    } catch (error) {
      if (!(error instanceof ServiceUnavailableException)) throw error;
      response.status(503);
      return error.getResponse() as HealthCheckResult;
    }
  }

  private indicator(key: string, { state }: HealthFinding): HealthIndicatorResult {
    const session = this.indicators.check(key);
    if (state === 'up') return session.up();
    return state === 'degraded' ? session.degraded() : session.down();
  }
}
