import type { CheckResult, Expectation } from './check-result.js';

/** Formats the evidence of a result as lines of text, with unmet expectations first. */
export function formatEvidence({ evidence }: CheckResult): string[] {
  const { expectations, ...rest } = evidence as { expectations?: Expectation[] };
  const judged = [...(expectations ?? [])]
    .sort((a, b) => Number(a.met) - Number(b.met))
    .map(
      ({ what, met, seen }) =>
        `${met ? 'met' : 'not met'}: ${what}${seen === undefined ? '' : ` (${formatValue(seen)})`}`,
    );
  return [...judged, ...Object.entries(rest).map(([name, value]) => `${name}: ${formatValue(value)}`)];
}

const formatValue = (value: unknown) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value)));
