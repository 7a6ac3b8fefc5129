import { fail, pass, skip, warn, type CheckOutcome } from '../../reports/index.js';
import { describeMissing } from '../imported-modules.js';
import type { SelfTestCheck } from '../self-test.js';

/** A rule that facts must fulfil. It only reads the facts and does not collect them. */
export interface Rule<Facts> {
  readonly name: string;
  readonly title: string;
  readonly reference: string;
  readonly remedy: string;
  /** Environment variables that set what the remedy changes. */
  readonly variables?: readonly string[];
  /** Whether the facts fulfil the rule. Returns a reason if the rule does not apply. */
  holds(facts: Facts): boolean | string;
  /** The observed value, as evidence. Never the value of a secret. */
  seen?(facts: Facts): unknown;
  /** Status if the facts do not fulfil the rule. @default 'fail' */
  readonly otherwise?: 'warn' | 'fail';
}

/** How the results of rules are reported. */
export interface RuleReport {
  /** Whether a failure is only a warning, as outside production. */
  readonly isLenient: boolean;
  /** Whether the application uses the environment, so that remedies name its variables. */
  readonly namesVariables: boolean;
}

/** @param lenient whether a failure is only a warning, as outside production */
export function applyRule<Facts>(
  rule: Rule<Facts>,
  facts: Facts,
  lenient = false,
  namesVariables = false,
): CheckOutcome {
  const holds = rule.holds(facts);
  if (typeof holds === 'string') return skip(holds);
  const seen = rule.seen?.(facts);
  const evidence = seen === undefined ? {} : { seen };
  if (holds) return pass(evidence);
  const remedy = namesVariables ? nameVariables(rule) : rule.remedy;
  return rule.otherwise === 'warn' || lenient ? warn(evidence, remedy) : fail(evidence, remedy);
}

const OPTION = /`[^`]+` of [A-Z]\w+Module/;

/** Names the variables beside the option that they set: `Lower BODY_LIMIT (\`limits.bodyBytes\` of SecurityModule).` */
function nameVariables<Facts>({ remedy, variables = [] }: Rule<Facts>): string {
  const [first, ...others] = variables;
  if (first === undefined) return remedy;
  if (!OPTION.test(remedy)) return `${remedy} Set by ${variables.join(', ')}.`;
  const named = remedy.replace(OPTION, (option) => `${first} (${option})`);
  return others.length === 0 ? named : `${named} See also ${others.join(', ')}.`;
}

/** Creates rules about one part of the facts. They are skipped with this reason if the part is missing. */
export function createPartRules<Facts, Part>(
  select: (facts: Facts) => Part | undefined,
  reason: string,
  rules: readonly Rule<Part>[],
): Rule<Facts>[] {
  return rules.map((rule) => ({
    ...rule,
    holds: (facts) => {
      const part = select(facts);
      return part === undefined ? reason : rule.holds(part);
    },
    seen: (facts) => {
      const part = select(facts);
      return part === undefined ? undefined : rule.seen?.(part);
    },
  }));
}

/** Creates rules about the settings of a module. They are skipped if the application does not import it. */
export const createModuleRules = <Facts, Part>(
  module: string,
  select: (facts: Facts) => Part | undefined,
  rules: readonly Rule<Part>[],
): Rule<Facts>[] => createPartRules(select, describeMissing(module), rules);

/** Creates a check for each rule. All checks use the facts that `look` returns. */
export function createChecks<Facts>(
  rules: readonly Rule<Facts>[],
  look: () => Promise<Facts>,
  readReport: () => Promise<RuleReport>,
): SelfTestCheck[] {
  return rules.map((rule) => ({
    name: rule.name,
    title: rule.title,
    reference: rule.reference,
    run: async () => {
      const { isLenient, namesVariables } = await readReport();
      return applyRule(rule, await look(), isLenient, namesVariables);
    },
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
