import type { z } from 'zod';
import { AppConfig } from './app-config.js';
import { ConfigError, type ConfigProblem } from './config-error.js';
import { readText, type Environment } from './environment.js';
import { ruleProblems, ruleWarnings } from './rules.js';
import { defaultOf, RESERVED_VARIABLES, VARIABLE_NAMES, variables, type Variables } from './variables.js';

/** @publicApi */
export interface LoadedConfig {
  config: AppConfig;
  /** Things worth a line in the log that do not stop a start. */
  warnings: string[];
}

/**
 * Reads, parses and checks the environment. `NAME_FILE` names a file that holds the value of `NAME` (Docker secrets).
 * An empty value counts as unset, because compose files pass those for variables nobody gave.
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
    const result = (variables.shape[name] as z.ZodType).safeParse(text);
    if (problem) problems.push(problem);
    else if (!result.success) problems.push(...result.error.issues.map(({ message }) => invalid(name, message)));
    else values[name] = result.data;
    if (text !== undefined && RESERVED_VARIABLES.includes(name)) {
      warnings.push(`${name} is set, and this version has nothing that reads it`);
    }
  }
  problems.push(...ruleProblems(values));
  if (problems.length > 0) throw new ConfigError(problems);
  warnings.push(...ruleWarnings(values as Variables));
  return { config: new AppConfig(values as Variables), warnings };
}

function invalid(name: keyof Variables, cause: string): ConfigProblem {
  const fallback = defaultOf(name);
  const removed = fallback ? `remove it for ${fallback}` : 'remove it';
  return { variable: name, cause, remedy: `correct it, or ${removed}. ${variables.shape[name].description ?? ''}` };
}
