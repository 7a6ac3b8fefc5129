import { randomBytes } from 'node:crypto';
import { ConfigError, loadConfig, type Environment } from '../../src/config/index.js';

/** What production needs and no more. */
export const PRODUCTION = {
  NODE_ENV: 'production',
  JWT_SECRET: randomBytes(48).toString('base64'),
  DATABASE_URL: 'postgres://app:h5Kq2wZtVx3n@db.internal/app?sslmode=verify-full',
};

/** What a start with this environment would be refused with; undefined when it would go on. */
export function refusalOf(environment: Environment): ConfigError | undefined {
  try {
    loadConfig(environment);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

/** The problems, one text each: `PORT: "x" is not …`. */
export function problemsOf(environment: Environment): string[] {
  return refusalOf(environment)?.problems.map(({ variable, cause }) => `${variable}: ${cause}`) ?? [];
}
