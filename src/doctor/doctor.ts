import { getGroup, createReport, runCheck, type CheckReport, type CheckResult } from '../reports/index.js';
import { DOCTOR_CHECKS } from './checks/index.js';
import type { DoctorCheck } from './doctor.check.js';
import { ApiProfile, type ApiProfileOptions } from './surroundings.js';
import { Target } from './target.js';

/** @publicApi */
export interface DoctorOptions extends ApiProfileOptions {
  /** Names of checks or groups to run. @default all */
  only?: string[];
  /** Maximum number of requests to one route when limits are checked. @default 150 */
  throttleRequests?: number;
  /** An origin that the API should allow. The doctor tests similar origins. */
  allowedOrigin?: string;
  /** Port at which the server accepts plain http besides https. @default 80 if https is at 443, else none */
  httpPort?: number;
  onProgress?: (progress: { done: number; total: number; next?: string }) => void;
  /** Called with the reason if token and password are not sent. */
  onSecretsWithheld?: (reason: string) => void;
  /** Called before the doctor waits because a rate limit is reached. */
  onWait?: (ms: number) => void;
}

/** @publicApi */
export interface DoctorReport extends CheckReport {
  target: string;
  requests: number;
}

const DEFAULT_THROTTLE_REQUESTS = 150;
/** Requests to find the OpenAPI document, the login route and a protected route. */
const DISCOVERY_REQUESTS = 40;

/** The target does not respond (EX_UNAVAILABLE of sysexits.h). */
export class UnreachableError extends Error {
  readonly exitCode = 69;
}

/** Lists the checks that {@link runDoctor} will run. @publicApi */
export function createPlan({ only, throttleRequests = DEFAULT_THROTTLE_REQUESTS }: DoctorOptions): {
  checks: readonly DoctorCheck[];
  /** Sum of the maximum requests of all checks. Most checks send fewer. */
  maxRequests: number;
} {
  const checks = only
    ? DOCTOR_CHECKS.filter(({ name }) => only.includes(name) || only.includes(getGroup(name)))
    : DOCTOR_CHECKS;
  const most = ({ requests }: DoctorCheck) =>
    typeof requests === 'number' ? requests : requests({ throttleRequests });
  return { checks, maxRequests: checks.reduce((sum, check) => sum + most(check), DISCOVERY_REQUESTS) };
}

/**
 * Checks an HTTP API from outside, by requests that any client could send.
 *
 * @throws UnreachableError if the API does not respond
 * @publicApi
 */
export async function runDoctor(url: URL, options: DoctorOptions = {}): Promise<DoctorReport> {
  const target = new Target(url, { onWait: options.onWait });
  const api = new ApiProfile(target, options);
  const { checks } = createPlan(options);
  const started = performance.now();
  const startedAt = new Date();
  const { failure } = await api.getRoot();
  if (failure !== undefined) throw new UnreachableError(`${url.origin} does not respond: ${failure}`);

  const hasSecrets = options.token !== undefined || options.credentials !== undefined;
  const withheld = hasSecrets ? await target.getWithholdingReason() : undefined;
  if (withheld !== undefined) options.onSecretsWithheld?.(withheld);
  const context = {
    target,
    api,
    throttleRequests: options.throttleRequests ?? DEFAULT_THROTTLE_REQUESTS,
    allowedOrigin: options.allowedOrigin,
    httpPort: options.httpPort,
  };
  const results: CheckResult[] = [];
  for (const check of checks) {
    options.onProgress?.({ done: results.length, total: checks.length, next: check.title });
    results.push(await runCheck(check, () => check.run(context)));
  }
  options.onProgress?.({ done: results.length, total: checks.length });
  const report = createReport(results, startedAt, performance.now() - started);
  return {
    ...report,
    target: url.href,
    requests: target.requestCount,
    ...(withheld !== undefined && { notes: [withheld] }),
  };
}
