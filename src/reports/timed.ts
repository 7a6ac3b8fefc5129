import { skip, type CheckOutcome, type CheckResult } from './check-result.js';

/** Description of a check. @publicApi */
export interface CheckDescription {
  readonly name: string;
  readonly title: string;
  readonly reference: string;
}

/** A check throws it if it finds out that it does not apply. */
export class SkipCheck extends Error {}

/** Runs a check and measures its duration. A check that throws has failed, with the error as evidence. */
export async function runCheck(
  { name, title, reference }: CheckDescription,
  run: () => Promise<CheckOutcome>,
): Promise<CheckResult> {
  const started = performance.now();
  const finding = await Promise.resolve()
    .then(run)
    .catch((error: unknown): CheckOutcome => {
      if (error instanceof SkipCheck) return skip(error.message);
      return {
        status: 'fail',
        evidence: { error: error instanceof Error ? error.message : String(error) },
        remedy: 'The check could not be completed. The evidence has the reason.',
      };
    });
  return { check: name, title, ...finding, durationMs: Math.round(performance.now() - started), reference };
}
