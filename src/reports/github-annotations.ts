import type { CheckReport } from './check-result.js';
import { formatEvidence } from './evidence.js';

/**
 * Formats a report as workflow commands, which GitHub shows as annotations of a run.
 *
 * @see https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
 * @publicApi
 */
export function toGithubAnnotations(report: CheckReport): string {
  return report.checks
    .filter(({ status }) => status === 'fail' || status === 'warn')
    .map((result) => {
      const command = result.status === 'fail' ? 'error' : 'warning';
      const message = [...formatEvidence(result), result.remedy ?? ''].join('\n');
      return `::${command} title=${escapeProperty(`${result.check}: not met: ${result.title}`)}::${escapeData(message)}\n`;
    })
    .join('');
}

const escapeData = (text: string) => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const escapeProperty = (text: string) => escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
