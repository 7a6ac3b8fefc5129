import { skip, type CheckFinding, type CheckResult } from './check-result.js';

/** What is known of a check before it runs. */
export interface CheckDescription {
  readonly name: string;
  readonly title: string;
  readonly reference: string;
}

/** Thrown by a check that finds, half way, that it does not apply. */
export class SkipCheck extends Error {}

/** Runs a check; one that throws has failed, with the error as its evidence. */
export async function timed(
  { name, title, reference }: CheckDescription,
  run: () => Promise<CheckFinding>,
): Promise<CheckResult> {
  const started = performance.now();
  const finding = await Promise.resolve()
    .then(run)
    .catch((error: unknown): CheckFinding => {
      if (error instanceof SkipCheck) return skip(error.message);
      return {
        status: 'fail',
        evidence: { error: error instanceof Error ? error.message : String(error) },
        remedy: 'The check could not be completed; the evidence says why.',
      };
    });
  return { check: name, title, ...finding, durationMs: Math.round(performance.now() - started), reference };
}
