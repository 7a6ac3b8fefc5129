import type { HealthFinding, HealthState } from './health-check.runner.js';

/** Media type of draft-inadarei-api-health-check. */
export const HEALTH_JSON = 'application/health+json';

const RANKS: readonly HealthState[] = ['up', 'degraded', 'down'];
const WORDS = { up: 'pass', degraded: 'warn', down: 'fail' } as const;

/** Document of draft-inadarei-api-health-check-06. Checks are arrays because a component may have several nodes. */
export interface HealthJson {
  status: 'pass' | 'warn' | 'fail';
  checks: Record<
    string,
    [{ status: 'pass' | 'warn' | 'fail'; time: string; output?: string; [detail: string]: unknown }]
  >;
}

/** The worst of the findings. */
export function overall(findings: ReadonlyMap<string, HealthFinding>): HealthState {
  const worst = Math.max(0, ...[...findings.values()].map(({ state }) => RANKS.indexOf(state)));
  return RANKS[worst] ?? 'down';
}

export function healthJson(findings: ReadonlyMap<string, HealthFinding>, withDetails: boolean): HealthJson {
  const time = new Date().toISOString();
  const checks = [...findings].map(([key, { state, details }]) => {
    const { reason, ...rest } = details;
    const shown = withDetails ? { ...(typeof reason === 'string' && { output: reason }), ...rest } : {};
    return [`${key}:availability`, [{ ...shown, status: WORDS[state], time }]] as const;
  });
  return { status: WORDS[overall(findings)], checks: Object.fromEntries(checks) as HealthJson['checks'] };
}

/** Whether a client asks for health+json rather than for plain JSON. */
export function wantsHealthJson(accept: string | undefined): boolean {
  return accept !== undefined && /(?:^|[,\s])application\/health\+json(?:[;,\s]|$)/i.test(accept);
}
