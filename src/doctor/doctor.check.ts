import type { CheckDescription, CheckFinding } from '../reports/index.js';
import type { Surroundings } from './surroundings.js';
import type { Target } from './target.js';

/** What a check may use. */
export interface Visit {
  readonly target: Target;
  /** What was found out about the API before, and is found out only once. */
  readonly around: Surroundings;
  /** Most requests that a check of limits sends to one route. */
  readonly throttleRequests: number;
  /** An origin that the API is meant to serve, where the caller named one. */
  readonly allowedOrigin: string | undefined;
  /** Port of plain http beside https, where the caller named one. */
  readonly httpPort: number | undefined;
}

/** One thing that the doctor looks at. */
export interface DoctorCheck extends CheckDescription {
  /** Most requests that it sends, beside those that find the API's routes. */
  readonly requests: number | ((options: { throttleRequests: number }) => number);
  run(visit: Visit): Promise<CheckFinding>;
}
