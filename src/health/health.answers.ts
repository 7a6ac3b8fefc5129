import { Injectable, Optional, ServiceUnavailableException } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import {
  HealthCheckService,
  HealthIndicatorService,
  type HealthCheckResult,
  type HealthIndicatorResult,
} from '@nestjs/terminus';
import type { AdapterRequest } from '../context/index.js';
import { Lifecycle, type HealthGroup } from '../ports/index.js';
import type { HealthResult } from './health-check.runner.js';
import { HealthAccess } from './health.access.js';
import { HealthRegistry } from './health.registry.js';
import { HEALTH_JSON, getWorstState, toHealthJson, wantsHealthJson } from './health.report.js';

type Results = ReadonlyMap<string, HealthResult>;

/**
 * Answers probes. It sends the responses itself, because an interceptor of the application that wraps all responses would
 * change what platforms read.
 */
@Injectable()
export class HealthAnswers {
  private hasStarted = false;

  constructor(
    private readonly registry: HealthRegistry,
    private readonly terminus: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly access: HealthAccess,
    private readonly adapterHost: HttpAdapterHost,
    @Optional() private readonly lifecycle: Lifecycle = new Lifecycle(),
  ) {}

  async sendGroup(group: HealthGroup, request: AdapterRequest, response: unknown): Promise<void> {
    await this.sendResults(await this.registry.checkGroup(group), request, response);
  }

  sendLiveness(request: AdapterRequest, response: unknown): Promise<void> {
    return this.sendResults(new Map(), request, response);
  }

  async sendReadiness(request: AdapterRequest, response: unknown): Promise<void> {
    if (this.lifecycle.state === 'running') await this.sendGroup('ready', request, response);
    else this.send(response, 503, { status: 'shutting_down', info: {}, error: {}, details: {} });
  }

  async sendStartup(request: AdapterRequest, response: unknown): Promise<void> {
    const results: Results = this.hasStarted ? new Map() : await this.registry.checkGroup('startup');
    this.hasStarted ||= getWorstState(results) !== 'down';
    await this.sendResults(results, request, response);
  }

  private async sendResults(results: Results, request: AdapterRequest, response: unknown): Promise<void> {
    const withDetails = await this.access.canSeeDetails(request);
    const status = getWorstState(results) === 'down' ? 503 : 200;
    if (wantsHealthJson(request.headers.accept)) {
      this.adapterHost.httpAdapter.setHeader(response, 'Content-Type', `${HEALTH_JSON}; charset=utf-8`);
      this.send(response, status, toHealthJson(results, withDetails));
    } else this.send(response, status, await this.createTerminusResult(results, withDetails));
  }

  private send(response: unknown, status: number, body: object): void {
    this.adapterHost.httpAdapter.reply(response, body, status);
  }

  private async createTerminusResult(results: Results, withDetails: boolean): Promise<HealthCheckResult> {
    const indicators = [...results].map(([key, result]) => this.createIndicator(key, result, withDetails));
    try {
      return await this.terminus.check(indicators.map((indicator) => () => indicator));
    } catch (error) {
      if (!(error instanceof ServiceUnavailableException)) throw error;
      return error.getResponse() as HealthCheckResult;
    }
  }

  private createIndicator(key: string, { state, details }: HealthResult, withDetails: boolean): HealthIndicatorResult {
    const session = this.indicators.check(key);
    const visibleDetails = withDetails ? { ...details } : {};
    if (state === 'up') return session.up(visibleDetails);
    return state === 'degraded' ? session.degraded(visibleDetails) : session.down(visibleDetails);
  }
}
