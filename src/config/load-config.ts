import { AppConfig } from './app-config.js';
import { ConfigError, type ConfigProblem } from './config-error.js';
import { readText, type Environment } from './environment.js';
import { ruleProblems, ruleWarnings } from './rules.js';
import { VARIABLE_NAMES, VARIABLES, type Variables } from './variables.js';

/** @publicApi */
export interface LoadedConfig {
  config: AppConfig;
  /** Problems that do not stop a start; the caller writes them to the log. */
  warnings: string[];
}

/**
 * Reads, parses and checks the environment. `NAME_FILE` names a file that holds the value of `NAME` (Docker secrets).
 * An empty value counts as unset, because compose files pass an empty value for a variable that is not set.
 *
 * @throws ConfigError with every problem at once
 * @publicApi
 */
export function loadConfig(environment: Environment): LoadedConfig {
  const values: Record<string, unknown> = {};
  const problems: ConfigProblem[] = [];
  const warnings: string[] = [];
  for (const name of VARIABLE_NAMES) {
    const { text, problem } = readText(name, environment);
    const result = VARIABLES[name].schema.safeParse(text);
    if (problem) problems.push(problem);
    else if (!result.success) problems.push(...result.error.issues.map(({ message }) => invalid(name, message)));
    else values[name] = result.data;
    if (text !== undefined && VARIABLES[name].isReserved) {
      warnings.push(`${name} is set, and this version has nothing that reads it`);
    }
  }
  problems.push(...ruleProblems(values));
  if (problems.length > 0) throw new ConfigError(problems);
  warnings.push(...ruleWarnings(values as Variables));
  return { config: new AppConfig(values as Variables), warnings };
}

function invalid(name: keyof Variables, cause: string): ConfigProblem {
  const { default: fallback, description } = VARIABLES[name];
  const removed = fallback ? `remove it for ${fallback}` : 'remove it';
  return { variable: name, cause, remedy: `correct it, or ${removed}. ${description}` };
}
