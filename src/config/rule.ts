import type { ConfigProblem } from './config-error.js';
import type { VariableName, Variables } from './variables.js';

export interface Rule {
  readonly variables: readonly VariableName[];
  readonly check: (values: Variables) => ConfigProblem | undefined;
}

/** A rule reads only the variables that it names. It does not run when one of them could not be parsed. */
export function rule<Name extends VariableName>(
  variables: readonly Name[],
  check: (values: Pick<Variables, Name>) => ConfigProblem | undefined,
): Rule {
  return { variables, check };
}
