import { describe, expect, it } from 'vitest';
import {
  allOf,
  anyOf,
  bodyField,
  hasPermission,
  hasRole,
  inAnyTenant,
  inTenant,
  not,
  ownerOf,
  param,
  policyOf,
  queryField,
  type Access,
  type PolicyLike,
  type RouteRequest,
} from './policy.js';

const ME = '01890a5d-ac96-7001-8000-00000000000a';
const TENANT = '01890a5d-ac96-7001-8000-00000000000b';

function accessOf(request: Partial<RouteRequest> = {}, tenantId?: string): Access {
  return {
    principal: { id: ME, email: 'me@example.com', roles: ['User'], sessionId: 's', tenantId },
    request: { method: 'GET', url: '/', headers: {}, params: {}, query: {}, ...request },
    hasRole: (role) => role === 'User',
    hasPermission: (permission) => permission === 'orders:read',
  };
}

const ask = (policy: PolicyLike, access = accessOf()) =>
  policyOf(policy).bind(() => {
    throw new Error('there are no providers');
  })(access);

const yes = () => true;
const no = () => false;
const later = (verdict: boolean) => () => Promise.resolve(verdict);
/** A function that is wrong about its type. */
const sloppy = (verdict: unknown) => (() => verdict) as () => boolean;

describe('a combined policy', () => {
  it.each<[string, PolicyLike, boolean]>([
    ['allOf of yes', allOf(yes, yes), true],
    ['allOf with a no', allOf(yes, no), false],
    ['anyOf with a yes', anyOf(no, yes), true],
    ['anyOf of no', anyOf(no, no), false],
    ['not no', not(no), true],
    ['not yes', not(yes), false],
    ['nested', allOf(yes, anyOf(no, not(no))), true],
  ])('%s answers at once', (_what, policy, expected) => {
    expect(ask(policy)).toBe(expected);
  });

  it.each<[string, PolicyLike, boolean]>([
    ['allOf', allOf(yes, later(true), yes), true],
    ['allOf, later no', allOf(yes, later(true), later(false)), false],
    ['anyOf', anyOf(no, later(false), later(true)), true],
    ['anyOf, later no', anyOf(no, later(false)), false],
    ['not', not(later(false)), true],
    ['not, later yes', not(later(true)), false],
  ])('%s waits for parts that take time', async (_what, policy, expected) => {
    const verdict = ask(policy);
    expect(verdict).toBeInstanceOf(Promise);
    expect(await verdict).toBe(expected);
  });

  it.each([undefined, null, 1, 'yes', {}])('takes %j for a no, and not() of it as well', (verdict) => {
    expect(ask(allOf(sloppy(verdict)))).toBe(false);
    expect(ask(anyOf(sloppy(verdict)))).toBe(false);
    expect(ask(not(sloppy(verdict)))).toBe(false);
  });

  it('asks no further than it has to', () => {
    const never = () => {
      throw new Error('asked');
    };
    expect(ask(allOf(no, never))).toBe(false);
    expect(ask(anyOf(yes, never))).toBe(true);
  });

  it('is named after its parts, and knows what they ask for', () => {
    const policy = anyOf(hasPermission('orders:read'), allOf(hasRole('Admin'), not(ownerOf(param('id')))));
    expect(policy).toMatchObject({
      name: 'anyOf(hasPermission(orders:read), allOf(hasRole(Admin), not(ownerOf(id))))',
      roles: ['Admin'],
      permissions: ['orders:read'],
    });
  });
});

describe('a policy', () => {
  it('of roles and permissions asks the caller’s', () => {
    expect([ask(hasRole('User')), ask(hasRole('Admin'))]).toEqual([true, false]);
    expect([ask(hasPermission('orders:read')), ask(hasPermission('orders:write'))]).toEqual([true, false]);
  });

  it('of ownership compares whole ids, in either letter case', () => {
    const owns = (id: unknown) => ask(ownerOf(param('id')), accessOf({ params: { id: id as string } }));
    expect([owns(ME), owns(ME.toUpperCase())]).toEqual([true, true]);
    expect([owns(`${ME} `), owns(ME.slice(0, -1)), owns(undefined), owns([ME]), owns('')]).toEqual(
      Array.from({ length: 5 }, () => false),
    );
  });

  it('of tenants is a no for who is in none, even where none is named', () => {
    const here = (tenant: string | undefined, named: string | undefined) =>
      ask(inTenant(param('tenantId')), accessOf({ params: { tenantId: named } }, tenant));
    expect(here(TENANT, TENANT)).toBe(true);
    expect([here(TENANT, ME), here(undefined, undefined), here(undefined, 'undefined')]).toEqual([false, false, false]);
    expect([ask(inAnyTenant), ask(inAnyTenant, accessOf({}, TENANT))]).toEqual([false, true]);
  });

  it('reads the query and the body, and of the body only what the client has sent', () => {
    expect(ask(ownerOf(queryField('user')), accessOf({ query: { user: ME } }))).toBe(true);
    expect(ask(ownerOf(bodyField('user')), accessOf({ body: { user: ME } }))).toBe(true);
    for (const body of [undefined, null, ME, [ME], { user: { id: ME } }, Object.create({ user: ME })]) {
      expect(ask(ownerOf(bodyField('user')), accessOf({ body }))).toBe(false);
    }
  });
});
