/** One thing wrong with the configuration, and what to do about it. Never holds the value of a secret. */
export interface ConfigProblem {
  variable: string;
  cause: string;
  remedy: string;
}

/**
 * Every problem of a configuration in one message.
 *
 * @publicApi
 */
export class ConfigError extends Error {
  /** `EX_CONFIG` of sysexits.h. */
  readonly exitCode = 78;

  constructor(readonly problems: readonly ConfigProblem[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    const lines = problems.map(({ variable, cause, remedy }) => `  ${variable}: ${cause}\n    → ${remedy}`);
    super(`The configuration has ${count}:\n${lines.join('\n')}`);
    this.name = 'ConfigError';
  }
}
