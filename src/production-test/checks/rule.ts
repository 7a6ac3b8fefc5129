import { fail, pass, skip, warn, type CheckOutcome } from '../../reports/index.js';
import type { SelfTestCheck } from '../self-test.js';

/** A rule that facts must fulfil. It only reads the facts and does not collect them. */
export interface Rule<Facts> {
  readonly name: string;
  readonly title: string;
  readonly reference: string;
  readonly remedy: string;
  /** Whether the facts fulfil the rule. Returns a reason if the rule does not apply. */
  holds(facts: Facts): boolean | string;
  /** The observed value, as evidence. Never the value of a secret. */
  seen?(facts: Facts): unknown;
  /** Status if the facts do not fulfil the rule. @default 'fail' */
  readonly otherwise?: 'warn' | 'fail';
}

/** @param lenient whether a failure is only a warning, as outside production */
export function applyRule<Facts>(rule: Rule<Facts>, facts: Facts, lenient = false): CheckOutcome {
  const holds = rule.holds(facts);
  if (typeof holds === 'string') return skip(holds);
  const seen = rule.seen?.(facts);
  const evidence = seen === undefined ? {} : { seen };
  if (holds) return pass(evidence);
  return rule.otherwise === 'warn' || lenient ? warn(evidence, rule.remedy) : fail(evidence, rule.remedy);
}

/** Creates a check for each rule. All checks use the facts that `look` returns. */
export function createChecks<Facts>(
  rules: readonly Rule<Facts>[],
  look: () => Promise<Facts>,
  isLenient: () => boolean = () => false,
): SelfTestCheck[] {
  return rules.map((rule) => ({
    name: rule.name,
    title: rule.title,
    reference: rule.reference,
    run: async () => applyRule(rule, await look(), isLenient()),
  }));
}

/** Caches the facts for a short time, so that all checks of one run share them. */
export function cacheBriefly<Facts>(look: () => Promise<Facts>, forMs = 1_000): () => Promise<Facts> {
  let seen: { facts: Promise<Facts>; at: number } | undefined;
  return () => {
    if (!seen || performance.now() - seen.at > forMs) seen = { facts: look(), at: performance.now() };
    return seen.facts;
  };
}
