import { DiscoveryService } from '@nestjs/core';

/** @publicApi */
export type CheckStatus = 'pass' | 'warn' | 'fail' | 'skip';

/** What a check found, with the facts it rests on. */
export interface CheckFinding {
  status: CheckStatus;
  /** What was seen; never the value of a secret. */
  evidence: Record<string, unknown>;
  /** What to do; for anything but a pass. */
  remedy?: string;
}

/** @publicApi */
export interface CheckResult extends CheckFinding {
  check: string;
  durationMs: number;
  /** Standard or requirement that asks for the protection. */
  reference: string;
}

/** A protection that can be tried on the running application. @publicApi */
export interface SelfTestCheck {
  readonly name: string;
  readonly reference: string;
  run(): Promise<CheckFinding>;
}

/** Makes a provider one of the checks of ProductionTestModule. @publicApi */
export const SelfTest = DiscoveryService.createDecorator<{ description: string }>();

/** One expectation of a check, and whether it was met. */
export interface Expectation {
  what: string;
  met: boolean;
  seen?: unknown;
}

/** Passes when every expectation is met; lists all of them as evidence either way. */
export function judge(expectations: Expectation[], remedy: string): CheckFinding {
  const passed = expectations.every(({ met }) => met);
  return { status: passed ? 'pass' : 'fail', evidence: { expectations }, ...(!passed && { remedy }) };
}
