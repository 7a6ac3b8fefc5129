import { describe, expect, it } from 'vitest';
import { isDatabaseOutage } from './database-outage.js';

const failed = (code: string) => Object.assign(new Error('no'), { code });
const wrapped = (driverError: Error) => Object.assign(new Error('query failed'), { driverError });

describe('isDatabaseOutage', () => {
  it.each([
    ['a refused connection', failed('ECONNREFUSED')],
    ['refused connections to all addresses', new AggregateError([failed('ECONNREFUSED'), failed('ECONNREFUSED')])],
    ['a shutdown of the server', wrapped(failed('57P01'))],
    ['too many clients', failed('53300')],
    ['a lost connection', wrapped(new Error('Connection terminated unexpectedly'))],
    ['a pool that gets no connection in time', new Error('timeout exceeded when trying to connect')],
  ])('is true for %s', (_what, error) => {
    expect(isDatabaseOutage(error)).toBe(true);
  });

  it.each([
    ['a unique violation', wrapped(failed('23505'))],
    ['a statement that took too long', wrapped(failed('57014'))],
    ['a programming error', new TypeError('undefined is not a function')],
    ['a value that is not an Error', 'ECONNREFUSED'],
  ])('is false for %s', (_what, error) => {
    expect(isDatabaseOutage(error)).toBe(false);
  });
});
