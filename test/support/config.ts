import { randomBytes } from 'node:crypto';
import { ConfigError, loadConfig, type Environment } from '../../src/config/index.js';

/** The smallest environment that is valid in production. */
export const PRODUCTION = {
  NODE_ENV: 'production',
  JWT_SECRET: randomBytes(48).toString('base64'),
  DATABASE_URL: 'postgres://app:h5Kq2wZtVx3n@db.internal/app?sslmode=verify-full',
};

/** The error that a start with this environment throws; undefined if the environment is valid. */
export function refusalOf(environment: Environment): ConfigError | undefined {
  try {
    loadConfig(environment);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

/** The problems, each as a string: `PORT: "x" is not …`. */
export function problemsOf(environment: Environment): string[] {
  return refusalOf(environment)?.problems.map(({ variable, cause }) => `${variable}: ${cause}`) ?? [];
}
