import type { HealthResult, HealthState } from './health-check.runner.js';

/** Media type of draft-inadarei-api-health-check. */
export const HEALTH_JSON = 'application/health+json';

const STATES_BY_SEVERITY: readonly HealthState[] = ['up', 'degraded', 'down'];
const HEALTH_JSON_STATUS = { up: 'pass', degraded: 'warn', down: 'fail' } as const;

/** Document of draft-inadarei-api-health-check-06. Each check is an array because a component may have several nodes. */
export interface HealthJson {
  status: 'pass' | 'warn' | 'fail';
  checks: Record<
    string,
    [{ status: 'pass' | 'warn' | 'fail'; time: string; output?: string; [detail: string]: unknown }]
  >;
}

/** Returns the worst state of all results. */
export function getWorstState(results: ReadonlyMap<string, HealthResult>): HealthState {
  const worst = Math.max(0, ...[...results.values()].map(({ state }) => STATES_BY_SEVERITY.indexOf(state)));
  return STATES_BY_SEVERITY[worst] ?? 'down';
}

export function toHealthJson(results: ReadonlyMap<string, HealthResult>, withDetails: boolean): HealthJson {
  const time = new Date().toISOString();
  const checks = [...results].map(([key, { state, details }]) => {
    const { reason, ...rest } = details;
    const visibleDetails = withDetails ? { ...(typeof reason === 'string' && { output: reason }), ...rest } : {};
    return [`${key}:availability`, [{ ...visibleDetails, status: HEALTH_JSON_STATUS[state], time }]] as const;
  });
  return {
    status: HEALTH_JSON_STATUS[getWorstState(results)],
    checks: Object.fromEntries(checks) as HealthJson['checks'],
  };
}

/** Whether the client prefers health+json to plain JSON. */
export function wantsHealthJson(accept: string | undefined): boolean {
  return accept !== undefined && /(?:^|[,\s])application\/health\+json(?:[;,\s]|$)/i.test(accept);
}
