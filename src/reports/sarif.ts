import type { CheckReport } from './check-result.js';
import { formatEvidence } from './evidence.js';

const LEVELS = { fail: 'error', warn: 'warning' } as const;

/**
 * Formats a report as SARIF 2.1.0 (OASIS) for code scanning services: a rule for each check, and a result for each warning
 * and failure.
 *
 * @param uri URI of the checked API
 * @publicApi
 */
export function toSarif(report: CheckReport, uri: string): object {
  const results = report.checks.flatMap((result) => {
    const { check, title, status, remedy = '' } = result;
    if (status !== 'fail' && status !== 'warn') return [];
    const text = [`Not met: ${title}`, ...formatEvidence(result), remedy].join('\n');
    return [
      {
        ruleId: check,
        level: LEVELS[status],
        message: { text },
        locations: [{ physicalLocation: { artifactLocation: { uri } } }],
        partialFingerprints: { check: `${check}@${uri}` },
      },
    ];
  });
  const rules = report.checks.map(({ check, title, reference }) => ({
    id: check,
    shortDescription: { text: title },
    help: { text: reference },
  }));
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [{ tool: { driver: { name: 'nest-bulwark', rules } }, results }],
  };
}
