/** @publicApi */
export interface ObservabilityOptions {
  /** Bearer token that `/metrics` requires. */
  metricsToken?: string;
  /** Whether `/metrics` is public if no token is set. @default false */
  metricsOpen?: boolean;
}

export const OBSERVABILITY_OPTIONS = Symbol('bulwark.observabilityOptions');
