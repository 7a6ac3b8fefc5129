/** `skip` means that a check does not apply. @publicApi */
export type CheckStatus = 'pass' | 'warn' | 'fail' | 'skip';

/** One expectation of a check, and whether it was met. @publicApi */
export interface Expectation {
  what: string;
  met: boolean;
  /** The observed value. Never the value of a secret. */
  seen?: unknown;
}

/** Outcome of a check, with its evidence. @publicApi */
export interface CheckOutcome {
  status: CheckStatus;
  evidence: Record<string, unknown>;
  /** What to do. Set for `warn` and `fail`. */
  remedy?: string;
}

/** @publicApi */
export interface CheckResult extends CheckOutcome {
  /** Name, such as `headers.nosniff`. The part before the first dot is the group. */
  check: string;
  /** What is true if the check passes, in one sentence. */
  title: string;
  durationMs: number;
  /** Standard that requires the protection. */
  reference: string;
}

/** @publicApi */
export interface CheckReport {
  status: CheckStatus;
  /** 0 to 100: the share of passed checks among all checks that were not skipped. A warning counts half. */
  score: number;
  summary: Record<CheckStatus, number>;
  startedAt: string;
  durationMs: number;
  checks: CheckResult[];
  /** Notes about the whole run. */
  notes?: readonly string[];
}

/** Passes if every expectation is met. The evidence always lists all expectations. @publicApi */
export function checkExpectations(
  expectations: Expectation[],
  remedy: string,
  otherwise: 'fail' | 'warn' = 'fail',
): CheckOutcome {
  const passed = expectations.every(({ met }) => met);
  return passed ? pass({ expectations }) : { status: otherwise, evidence: { expectations }, remedy };
}

export const pass = (evidence: Record<string, unknown> = {}): CheckOutcome => ({ status: 'pass', evidence });
export const skip = (reason: string): CheckOutcome => ({ status: 'skip', evidence: { reason } });
export const fail = (evidence: Record<string, unknown>, remedy: string): CheckOutcome => ({
  status: 'fail',
  evidence,
  remedy,
});
export const warn = (evidence: Record<string, unknown>, remedy: string): CheckOutcome => ({
  status: 'warn',
  evidence,
  remedy,
});

/** Creates a report from results. @publicApi */
export function createReport(checks: CheckResult[], startedAt: Date, durationMs: number): CheckReport {
  const count = (status: CheckStatus) => checks.filter((check) => check.status === status).length;
  const summary = { pass: count('pass'), warn: count('warn'), fail: count('fail'), skip: count('skip') };
  const tried = summary.pass + summary.warn + summary.fail;
  return {
    status: summary.fail > 0 ? 'fail' : summary.warn > 0 ? 'warn' : tried > 0 ? 'pass' : 'skip',
    score: tried === 0 ? 0 : Math.floor((100 * (summary.pass + summary.warn / 2)) / tried),
    summary,
    startedAt: startedAt.toISOString(),
    durationMs: Math.round(durationMs),
    checks,
  };
}

export const getGroup = (check: string): string => check.split('.', 1)[0] ?? check;
