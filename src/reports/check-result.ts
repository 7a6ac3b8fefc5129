/** `skip` says that a check did not apply, never that it was too hard. @publicApi */
export type CheckStatus = 'pass' | 'warn' | 'fail' | 'skip';

/** One expectation of a check, and whether it was met. @publicApi */
export interface Expectation {
  what: string;
  met: boolean;
  /** What was seen instead, or as proof; never the value of a secret. */
  seen?: unknown;
}

/** What a check found, with the facts it rests on. @publicApi */
export interface CheckFinding {
  status: CheckStatus;
  evidence: Record<string, unknown>;
  /** What to do; there for warn and fail. */
  remedy?: string;
}

/** @publicApi */
export interface CheckResult extends CheckFinding {
  /** Name, such as `headers.nosniff`; the part before the first dot is its group. */
  check: string;
  /** What holds when the check passes, in one sentence. */
  title: string;
  durationMs: number;
  /** Standard or requirement that asks for the protection. */
  reference: string;
}

/** @publicApi */
export interface CheckReport {
  status: CheckStatus;
  /** 0 to 100: passes count whole and warnings half, of all checks that were not skipped. */
  score: number;
  summary: Record<CheckStatus, number>;
  startedAt: string;
  durationMs: number;
  checks: CheckResult[];
  /** What the reader has to know of the run as a whole. */
  notes?: readonly string[];
}

/** Passes when every expectation is met; lists all of them as evidence either way. @publicApi */
export function judge(expectations: Expectation[], remedy: string, otherwise: 'fail' | 'warn' = 'fail'): CheckFinding {
  const passed = expectations.every(({ met }) => met);
  return passed ? pass({ expectations }) : { status: otherwise, evidence: { expectations }, remedy };
}

export const pass = (evidence: Record<string, unknown> = {}): CheckFinding => ({ status: 'pass', evidence });
export const skip = (reason: string): CheckFinding => ({ status: 'skip', evidence: { reason } });
export const fail = (evidence: Record<string, unknown>, remedy: string): CheckFinding => ({
  status: 'fail',
  evidence,
  remedy,
});
export const warn = (evidence: Record<string, unknown>, remedy: string): CheckFinding => ({
  status: 'warn',
  evidence,
  remedy,
});

/** Puts results together. @publicApi */
export function reportOf(checks: CheckResult[], startedAt: Date, durationMs: number): CheckReport {
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

export const groupOf = (check: string): string => check.split('.', 1)[0] ?? check;
