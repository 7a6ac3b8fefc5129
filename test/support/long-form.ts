/**
 * The amount of work of a test that has a long form: small in `npm test`, large in `npm run test:long`. The variable
 * sets the amount for one run. Give such a test `{ tags: 'long' }`: `npm run test:long` runs only these tests.
 *
 * @param variable environment variable, such as `KILL_ROUNDS`; CONTRIBUTING.md lists them
 */
export function amountOf(variable: string, { short, long }: { short: number; long: number }): number {
  const text = process.env[variable];
  if (text === undefined) return isLongRun() ? long : short;
  const amount = Number(text);
  if (!Number.isInteger(amount) || amount < 1)
    throw new Error(`${variable} has to be a whole number above 0, not "${text}".`);
  return amount;
}

/** Whether this is `npm run test:long`. */
export function isLongRun(): boolean {
  return process.env['TEST_LONG'] !== undefined;
}
