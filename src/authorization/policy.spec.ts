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
  toPolicy,
  queryField,
  type Access,
  type PolicyLike,
  type RouteRequest,
} from './policy.js';

const ME = '01890a5d-ac96-7001-8000-00000000000a';
const TENANT = '01890a5d-ac96-7001-8000-00000000000b';

function createAccess(request: Partial<RouteRequest> = {}, tenantId?: string): Access {
  return {
    principal: { id: ME, email: 'me@example.com', roles: ['User'], sessionId: 's', tenantId },
    request: { method: 'GET', url: '/', headers: {}, params: {}, query: {}, ...request },
    hasRole: (role) => role === 'User',
    hasPermission: (permission) => permission === 'orders:read',
  };
}

const check = (policy: PolicyLike, access = createAccess()) =>
  toPolicy(policy).bind(() => {
    throw new Error('no providers in this test');
  })(access);

const yes = () => true;
const no = () => false;
const resolveTo = (verdict: boolean) => () => Promise.resolve(verdict);
/** Returns a function whose result does not have the declared type. */
const returnsUntyped = (verdict: unknown) => (() => verdict) as () => boolean;

describe('a combined policy', () => {
  it.each<[string, PolicyLike, boolean]>([
    ['allOf, all true', allOf(yes, yes), true],
    ['allOf, one false', allOf(yes, no), false],
    ['anyOf, one true', anyOf(no, yes), true],
    ['anyOf, all false', anyOf(no, no), false],
    ['not of false', not(no), true],
    ['not of true', not(yes), false],
    ['nested', allOf(yes, anyOf(no, not(no))), true],
  ])('of synchronous parts is synchronous: %s', (_what, policy, expected) => {
    expect(check(policy)).toBe(expected);
  });

  it.each<[string, PolicyLike, boolean]>([
    ['allOf', allOf(yes, resolveTo(true), yes), true],
    ['allOf, last false', allOf(yes, resolveTo(true), resolveTo(false)), false],
    ['anyOf', anyOf(no, resolveTo(false), resolveTo(true)), true],
    ['anyOf, last false', anyOf(no, resolveTo(false)), false],
    ['not of false', not(resolveTo(false)), true],
    ['not of true', not(resolveTo(true)), false],
  ])('awaits asynchronous parts: %s', async (_what, policy, expected) => {
    const verdict = check(policy);
    expect(verdict).toBeInstanceOf(Promise);
    expect(await verdict).toBe(expected);
  });

  it.each([undefined, null, 1, 'yes', {}])('treats %j as false, and not() of it as false too', (verdict) => {
    expect(check(allOf(returnsUntyped(verdict)))).toBe(false);
    expect(check(anyOf(returnsUntyped(verdict)))).toBe(false);
    expect(check(not(returnsUntyped(verdict)))).toBe(false);
  });

  it('stops as soon as the result is decided', () => {
    const never = () => {
      throw new Error('called');
    };
    expect(check(allOf(no, never))).toBe(false);
    expect(check(anyOf(yes, never))).toBe(true);
  });

  it('has a name made of its parts, and lists their roles and permissions', () => {
    const policy = anyOf(hasPermission('orders:read'), allOf(hasRole('Admin'), not(ownerOf(param('id')))));
    expect(policy).toMatchObject({
      name: 'anyOf(hasPermission(orders:read), allOf(hasRole(Admin), not(ownerOf(id))))',
      roles: ['Admin'],
      permissions: ['orders:read'],
    });
  });
});

describe('a policy', () => {
  it('of roles and permissions checks those of the caller', () => {
    expect([check(hasRole('User')), check(hasRole('Admin'))]).toEqual([true, false]);
    expect([check(hasPermission('orders:read')), check(hasPermission('orders:write'))]).toEqual([true, false]);
  });

  it('of ownership compares complete ids and ignores letter case', () => {
    const owns = (id: unknown) => check(ownerOf(param('id')), createAccess({ params: { id: id as string } }));
    expect([owns(ME), owns(ME.toUpperCase())]).toEqual([true, true]);
    expect([owns(`${ME} `), owns(ME.slice(0, -1)), owns(undefined), owns([ME]), owns('')]).toEqual(
      Array.from({ length: 5 }, () => false),
    );
  });

  it('of tenants is false for a caller without a tenant, even if the request names no tenant', () => {
    const isIn = (tenant: string | undefined, named: string | undefined) =>
      check(inTenant(param('tenantId')), createAccess({ params: { tenantId: named } }, tenant));
    expect(isIn(TENANT, TENANT)).toBe(true);
    expect([isIn(TENANT, ME), isIn(undefined, undefined), isIn(undefined, 'undefined')]).toEqual([false, false, false]);
    expect([check(inAnyTenant), check(inAnyTenant, createAccess({}, TENANT))]).toEqual([false, true]);
  });

  it('reads the query and the body, but no inherited properties of the body', () => {
    expect(check(ownerOf(queryField('user')), createAccess({ query: { user: ME } }))).toBe(true);
    expect(check(ownerOf(bodyField('user')), createAccess({ body: { user: ME } }))).toBe(true);
    for (const body of [undefined, null, ME, [ME], { user: { id: ME } }, Object.create({ user: ME })]) {
      expect(check(ownerOf(bodyField('user')), createAccess({ body }))).toBe(false);
    }
  });
});
