import { describe, expect, it } from 'vitest';
import { isDatabaseOutage } from './database-outage.js';

const failed = (code: string) => Object.assign(new Error('no'), { code });
const wrapped = (driverError: Error) => Object.assign(new Error('query failed'), { driverError });

describe('an error', () => {
  it.each([
    ['a refused connection', failed('ECONNREFUSED')],
    ['refused connections to all addresses', new AggregateError([failed('ECONNREFUSED'), failed('ECONNREFUSED')])],
    ['a shutdown of the server', wrapped(failed('57P01'))],
    ['too many clients', failed('53300')],
    ['a connection that broke', wrapped(new Error('Connection terminated unexpectedly'))],
    ['a pool that waits in vain', new Error('timeout exceeded when trying to connect')],
  ])('of %s is an outage', (_what, error) => {
    expect(isDatabaseOutage(error)).toBe(true);
  });

  it.each([
    ['a unique violation', wrapped(failed('23505'))],
    ['a statement that took too long', wrapped(failed('57014'))],
    ['an ordinary mistake', new TypeError('undefined is not a function')],
    ['no error at all', 'ECONNREFUSED'],
  ])('of %s is none', (_what, error) => {
    expect(isDatabaseOutage(error)).toBe(false);
  });
});
