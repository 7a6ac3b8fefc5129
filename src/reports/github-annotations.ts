import type { CheckReport } from './check-result.js';
import { evidenceLines } from './evidence.js';

/**
 * Workflow commands that GitHub shows as annotations of a run.
 *
 * @see https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
 * @publicApi
 */
export function toGithubAnnotations(report: CheckReport): string {
  return report.checks
    .filter(({ status }) => status === 'fail' || status === 'warn')
    .map((result) => {
      const command = result.status === 'fail' ? 'error' : 'warning';
      const message = [...evidenceLines(result), result.remedy ?? ''].join('\n');
      return `::${command} title=${property(`${result.check}: not so: ${result.title}`)}::${data(message)}\n`;
    })
    .join('');
}

const data = (text: string) => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const property = (text: string) => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
