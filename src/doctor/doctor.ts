import { groupOf, reportOf, timed, type CheckReport, type CheckResult } from '../reports/index.js';
import { DOCTOR_CHECKS } from './checks/index.js';
import type { DoctorCheck } from './doctor.check.js';
import { Surroundings, type SurroundingsOptions } from './surroundings.js';
import { Target } from './target.js';

/** @publicApi */
export interface DoctorOptions extends SurroundingsOptions {
  /** Names of checks, or of groups of them. @default all */
  only?: string[];
  /** Most requests to one route when limits are tried. @default 150 */
  throttleRequests?: number;
  /** An origin that the API is meant to serve; its look-alikes are tried. */
  allowedOrigin?: string;
  /** Port at which the server takes plain http beside https. @default 80 where https is at 443, else none */
  httpPort?: number;
  onProgress?: (progress: { done: number; of: number; next?: string }) => void;
  /** Told when token and password are not sent, and why. */
  onWithheld?: (reason: string) => void;
  /** Told when the doctor waits for a limit that it ran into. */
  onWait?: (ms: number) => void;
}

/** @publicApi */
export interface DoctorReport extends CheckReport {
  target: string;
  requests: number;
}

const DEFAULT_THROTTLE_REQUESTS = 150;
/** To find the OpenAPI document, a login and a closed route. */
const DISCOVERY_REQUESTS = 40;

/** The target does not answer at all (EX_UNAVAILABLE of sysexits.h). */
export class UnreachableError extends Error {
  readonly exitCode = 69;
}

/** What an examination will do, to be told before it is done. @publicApi */
export function planOf({ only, throttleRequests = DEFAULT_THROTTLE_REQUESTS }: DoctorOptions): {
  checks: readonly DoctorCheck[];
  /** The sum of what each check may send; most send less. */
  mostRequests: number;
} {
  const checks = only
    ? DOCTOR_CHECKS.filter(({ name }) => only.includes(name) || only.includes(groupOf(name)))
    : DOCTOR_CHECKS;
  const most = ({ requests }: DoctorCheck) =>
    typeof requests === 'number' ? requests : requests({ throttleRequests });
  return { checks, mostRequests: checks.reduce((sum, check) => sum + most(check), DISCOVERY_REQUESTS) };
}

/**
 * Examines an HTTP API from outside, by requests that any client could send.
 *
 * @throws UnreachableError when nothing answers at the address
 * @publicApi
 */
export async function examine(url: URL, options: DoctorOptions = {}): Promise<DoctorReport> {
  const target = new Target(url, { onWait: options.onWait });
  const around = new Surroundings(target, options);
  const { checks } = planOf(options);
  const started = performance.now();
  const startedAt = new Date();
  const { failure } = await around.root();
  if (failure !== undefined) throw new UnreachableError(`${url.origin} does not answer: ${failure}`);

  const hasSecrets = options.token !== undefined || options.credentials !== undefined;
  const withheld = hasSecrets ? await target.secretsWithheld() : undefined;
  if (withheld !== undefined) options.onWithheld?.(withheld);
  const visit = {
    target,
    around,
    throttleRequests: options.throttleRequests ?? DEFAULT_THROTTLE_REQUESTS,
    allowedOrigin: options.allowedOrigin,
    httpPort: options.httpPort,
  };
  const results: CheckResult[] = [];
  for (const check of checks) {
    options.onProgress?.({ done: results.length, of: checks.length, next: check.title });
    results.push(await timed(check, () => check.run(visit)));
  }
  options.onProgress?.({ done: results.length, of: checks.length });
  const report = reportOf(results, startedAt, performance.now() - started);
  return { ...report, target: url.href, requests: target.sent, ...(withheld !== undefined && { notes: [withheld] }) };
}
