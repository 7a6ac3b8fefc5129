import type { CheckDescription, CheckOutcome } from '../reports/index.js';
import type { ApiProfile } from './surroundings.js';
import type { Target } from './target.js';

/** Input of a check. @publicApi */
export interface CheckContext {
  readonly target: Target;
  /** What is known about the API. All checks share it, so each fact is determined once. */
  readonly api: ApiProfile;
  /** Maximum number of requests that a check of limits sends to one route. */
  readonly throttleRequests: number;
  /** An origin that the API should allow, if the caller passed one. */
  readonly allowedOrigin: string | undefined;
  /** Port for plain http besides https, if the caller passed one. */
  readonly httpPort: number | undefined;
}

/** One check of the doctor. @publicApi */
export interface DoctorCheck extends CheckDescription {
  /** Maximum number of requests of the check, without the requests that find the routes of the API. */
  readonly requests: number | ((options: { throttleRequests: number }) => number);
  run(visit: CheckContext): Promise<CheckOutcome>;
}
