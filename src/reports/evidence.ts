import type { CheckResult, Expectation } from './check-result.js';

/** The evidence of a result as lines for people: unmet expectations first. */
export function evidenceLines({ evidence }: CheckResult): string[] {
  const { expectations, ...rest } = evidence as { expectations?: Expectation[] };
  const judged = [...(expectations ?? [])]
    .sort((a, b) => Number(a.met) - Number(b.met))
    .map(
      ({ what, met, seen }) => `${met ? 'met' : 'not met'}: ${what}${seen === undefined ? '' : ` (${shown(seen)})`}`,
    );
  return [...judged, ...Object.entries(rest).map(([name, value]) => `${name}: ${shown(value)}`)];
}

const shown = (value: unknown) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value)));
