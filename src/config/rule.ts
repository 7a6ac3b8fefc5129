import type { ConfigProblem } from './config-error.js';
import type { VariableName, Variables } from './variables.js';

export interface Rule {
  readonly variables: readonly VariableName[];
  readonly check: (values: Variables) => ConfigProblem | undefined;
}

/** A rule sees the variables it names and no others, so that it can be left out when one of them was not understood. */
export function rule<Name extends VariableName>(
  variables: readonly Name[],
  check: (values: Pick<Variables, Name>) => ConfigProblem | undefined,
): Rule {
  return { variables, check };
}
