/** Receives reports of suspicious input, for metrics and the audit trail. SecurityModule implements it. @publicApi */
export abstract class InputReports {
  /** The current request has a parameter with a reserved name, such as `__proto__`. */
  abstract reportReservedName(): void;
}
