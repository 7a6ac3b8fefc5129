/** @publicApi */
export interface ObservabilityOptions {
  /** Bearer token that `/metrics` asks for. */
  metricsToken?: string;
  /** Whether `/metrics` serves everybody while no token is set. @default false */
  metricsOpen?: boolean;
}

export const OBSERVABILITY_OPTIONS = Symbol('bulwark.observabilityOptions');
