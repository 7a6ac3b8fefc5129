/** @publicApi */
export interface ObservabilityOptions {
  /** Bearer token that `/metrics` requires. */
  metricsToken?: string;
  /** Whether `/metrics` is public if no token is set. @default false */
  metricsOpen?: boolean;
  /**
   * Whether each request writes a line to the logger of the application. Routes with `@Operational()`, such as probes,
   * write none. @default true
   */
  accessLog?: boolean;
  /** Whether requests for this path write no access line. @default () => false */
  isQuiet?: (path: string) => boolean;
}

export const OBSERVABILITY_OPTIONS = Symbol('bulwark.observabilityOptions');
