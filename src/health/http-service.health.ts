import type { HealthContributor, HealthContributorOptions, HealthReport } from '../ports/index.js';
import type { HttpServiceCheck } from './health.options.js';

/** Checks another service over HTTP. */
export class HttpServiceHealth implements HealthContributor {
  constructor(private readonly service: HttpServiceCheck) {}

  static toContributorOptions({
    key,
    critical,
    groups,
    timeoutMs,
    cacheMs,
  }: HttpServiceCheck): HealthContributorOptions {
    return {
      key,
      critical: critical ?? false,
      groups: groups ?? ['full', 'deep'],
      timeoutMs,
      cacheMs: cacheMs ?? 10_000,
    };
  }

  async check(signal: AbortSignal): Promise<HealthReport> {
    const { url, expectedStatus = 200 } = this.service;
    const response = await fetch(url, { signal, redirect: 'manual' });
    await response.body?.cancel();
    if (response.status === expectedStatus) return { httpStatus: response.status };
    throw new Error(`unexpected status ${response.status}, expected ${expectedStatus}`);
  }
}
