import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { AppConfig } from './app-config.js';
import { ConfigError, type ConfigProblem } from './config-error.js';
import { ruleProblems } from './rules.js';
import { RESERVED_VARIABLES, variables, type VariableName } from './variables.js';

/** @publicApi */
export type Environment = Readonly<Record<string, string | undefined>>;

/** @publicApi */
export interface LoadedConfig {
  config: AppConfig;
  /** Things worth a line in the log that do not stop a start. */
  warnings: string[];
}

const NAMES = Object.keys(variables.shape) as VariableName[];

/**
 * Reads, parses and checks the environment. `NAME_FILE` names a file that holds the value of `NAME` (Docker secrets).
 * An empty value counts as unset, because compose files pass those for variables nobody gave.
 *
 * @throws ConfigError with every problem at once
 * @publicApi
 */
export function loadConfig(environment: Environment): LoadedConfig {
  const problems: ConfigProblem[] = [];
  const values = readValues(environment, problems);
  const result = variables.safeParse(values);
  if (!result.success) {
    for (const issue of result.error.issues) {
      const name = String(issue.path[0]) as VariableName;
      problems.push({ variable: name, cause: issue.message, remedy: remedyFor(name) });
    }
  } else {
    problems.push(...ruleProblems(result.data));
  }
  if (problems.length > 0 || !result.success) throw new ConfigError(problems);
  const reserved = RESERVED_VARIABLES.filter((name) => values[name] !== undefined);
  const warnings = reserved.map((name) => `${name} is set, and this version has nothing that reads it`);
  return { config: new AppConfig(result.data), warnings };
}

function readValues(environment: Environment, problems: ConfigProblem[]): Partial<Record<VariableName, string>> {
  const values: Partial<Record<VariableName, string>> = {};
  for (const name of NAMES) {
    const value = environment[name] || undefined;
    const file = `${name}_FILE` in variables.shape ? undefined : environment[`${name}_FILE`] || undefined;
    if (value !== undefined && file !== undefined) {
      problems.push({
        variable: name,
        cause: `is set both directly and by ${name}_FILE`,
        remedy: 'remove one of the two',
      });
    } else if (file !== undefined) {
      try {
        values[name] = readFileSync(file, 'utf8').replace(/\r?\n$/, '') || undefined;
      } catch (error) {
        problems.push({
          variable: `${name}_FILE`,
          cause: `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}): ${file}`,
          remedy: 'check the path, and that the user of this process may read it',
        });
      }
    } else if (value !== undefined) {
      values[name] = value;
    }
  }
  return values;
}

function remedyFor(name: VariableName): string {
  return variables.shape[name].description ?? 'see .env.example';
}

/**
 * The process environment, with the file `.env` beneath it outside production: a variable that is set wins.
 *
 * @publicApi
 */
export function readEnvironment(file = '.env'): Environment {
  if (process.env['NODE_ENV'] === 'production' || !existsSync(file)) return process.env;
  return { ...parseEnv(readFileSync(file, 'utf8')), ...process.env };
}
