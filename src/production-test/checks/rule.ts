import { fail, pass, skip, warn, type CheckFinding } from '../../reports/index.js';
import type { SelfTestCheck } from '../self-test.js';

/** One thing that facts must show. It only looks; how the facts came about is not its business. */
export interface Rule<Facts> {
  readonly name: string;
  readonly title: string;
  readonly reference: string;
  readonly remedy: string;
  /** Whether it holds; a reason where it does not apply. */
  holds(facts: Facts): boolean | string;
  /** What was seen, as evidence; never the value of a secret. */
  seen?(facts: Facts): unknown;
  /** What it means when it does not hold. @default 'fail' */
  readonly otherwise?: 'warn' | 'fail';
}

/** @param lenient whether what fails only warns, as outside production */
export function apply<Facts>(rule: Rule<Facts>, facts: Facts, lenient = false): CheckFinding {
  const holds = rule.holds(facts);
  if (typeof holds === 'string') return skip(holds);
  const seen = rule.seen?.(facts);
  const evidence = seen === undefined ? {} : { seen };
  if (holds) return pass(evidence);
  return rule.otherwise === 'warn' || lenient ? warn(evidence, rule.remedy) : fail(evidence, rule.remedy);
}

/** Checks of rules, which share the facts of one look. */
export function checksOf<Facts>(
  rules: readonly Rule<Facts>[],
  look: () => Promise<Facts>,
  isLenient: () => boolean = () => false,
): SelfTestCheck[] {
  return rules.map((rule) => ({
    name: rule.name,
    title: rule.title,
    reference: rule.reference,
    run: async () => apply(rule, await look(), isLenient()),
  }));
}

/** Looks once for all who ask within a moment, as the checks of one run do. */
export function briefly<Facts>(look: () => Promise<Facts>, forMs = 1_000): () => Promise<Facts> {
  let seen: { facts: Promise<Facts>; at: number } | undefined;
  return () => {
    if (!seen || performance.now() - seen.at > forMs) seen = { facts: look(), at: performance.now() };
    return seen.facts;
  };
}
