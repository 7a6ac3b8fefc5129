import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { roleHierarchy } from './authorization.options.js';
import { RoleHierarchy } from './role-hierarchy.js';

const ROLES = {
  Admin: { inherits: ['Manager'], permissions: ['*'] },
  Manager: { inherits: ['User'], permissions: ['reports:*', 'orders:approve'] },
  User: { permissions: ['orders:read'] },
  Stranger: {},
};

describe('roles', () => {
  const hierarchy = new RoleHierarchy(ROLES);
  const rolesOf = (...roles: string[]) => [...hierarchy.grantsOf(roles).roles].toSorted();

  it('include those that they inherit, over any number of steps, and nothing upwards', () => {
    expect(rolesOf('Admin')).toEqual(['Admin', 'Manager', 'User']);
    expect(rolesOf('Manager')).toEqual(['Manager', 'User']);
    expect(rolesOf('User')).toEqual(['User']);
    expect(rolesOf('User', 'Stranger')).toEqual(['Stranger', 'User']);
  });

  it('that nobody has defined count for nothing, whatever they are called', () => {
    expect(rolesOf('Root', 'constructor', '__proto__', 'toString')).toEqual([]);
    expect(hierarchy.grantsOf(['__proto__', '*']).hasPermission('orders:read')).toBe(false);
  });

  it.each([
    ['Manager', 'reports:read', true],
    ['Manager', 'reports:monthly:read', true],
    ['Manager', 'reports', false],
    ['Manager', 'reports:', false],
    ['Manager', 'reportsx:read', false],
    ['Manager', 'orders:read', true],
    ['Manager', 'orders:approve', true],
    ['Manager', 'orders:approve:all', false],
    ['User', 'orders:approve', false],
    ['User', 'orders:*', false],
    ['User', '*', false],
    ['Stranger', 'orders:read', false],
    ['Admin', 'whatever:there:is', true],
  ])('as %s may do %s: %s', (role, permission, expected) => {
    expect(hierarchy.grantsOf([role]).hasPermission(permission)).toBe(expected);
  });

  it('are worked out once for all who have the same, in whichever order and array', () => {
    const grants = hierarchy.grantsOf(['User', 'Manager']);
    expect(hierarchy.grantsOf(['Manager', 'User', 'Manager', 'nobody'])).toBe(grants);
  });

  it('of more than one add up, and never take away', () => {
    fc.assert(
      fc.property(fc.subarray(Object.keys(ROLES)), fc.constantFrom(...Object.keys(ROLES)), (roles, more) => {
        const [before, after] = [hierarchy.grantsOf(roles), hierarchy.grantsOf([...roles, more])];
        const names = ['orders:read', 'orders:approve', 'reports:read', 'x:y'];
        expect(names.filter((name) => before.hasPermission(name) && !after.hasPermission(name))).toEqual([]);
      }),
    );
  });
});

describe('roles are refused at start', () => {
  it.each([
    [
      'inherit in a circle',
      { A: { inherits: ['B'] }, B: { inherits: ['C'] }, C: { inherits: ['A'] } },
      'A > B > C > A',
    ],
    ['inherit themselves', { A: { inherits: ['A'] } }, 'circle: A > A'],
    ['inherit what is not there', { A: { inherits: ['Bee'] } }, 'inherits "Bee", and there are A'],
    ['grant what is no permission', { A: { permissions: ['a b'] } }, 'grants "a b"'],
    ['have a wildcard in the middle', { A: { permissions: ['a:*:b'] } }, 'grants "a:*:b"'],
    ['have a name that no list could hold', { 'A\nB': {} }, 'A role is named'],
    [
      'are of tenants and inherit one of accounts',
      { Admin: { permissions: ['*'] }, Owner: { scope: 'tenant' as const, inherits: ['Admin'] } },
      'inherits "Admin", which is a role of accounts',
    ],
    [
      'are of tenants and grant all',
      { Owner: { scope: 'tenant' as const, permissions: ['*'] } },
      'which is the platform',
    ],
  ])('when they %s', (_what, roles, message) => {
    expect(() => new RoleHierarchy(roles)).toThrow(message);
  });

  it('when they grant what the vocabulary does not know', () => {
    const roles = { A: { permissions: ['orders:reed'] } };
    expect(() => roleHierarchy({ roles, permissions: ['orders:read'] })).toThrow('"orders:reed", which is none');
    expect(() => roleHierarchy({ roles: {}, permissions: ['orders:*'] })).toThrow('"orders:*" is no permission');
  });
});

describe('roles from a file', () => {
  const fileOf = (content: unknown) => {
    const path = join(mkdtempSync(join(tmpdir(), 'bulwark-roles-')), 'roles.json');
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };

  it('are laid over those of the options', () => {
    const rolesFile = fileOf({ roles: { Manager: { inherits: ['User'], permissions: ['reports:read'] } } });
    const hierarchy = roleHierarchy({ roles: { Manager: { permissions: ['x'] } }, rolesFile });
    expect(hierarchy.grantsOf(['Manager']).permissions).toEqual(['reports:read']);
    expect(hierarchy.has('Admin')).toBe(true);
  });

  it.each([
    ['is no JSON', '{', 'cannot be read'],
    ['has a member that is none', { rolls: {} }, 'rolls'],
    ['has a role of another shape', { roles: { A: { permission: 'x' } } }, 'permission'],
  ])('are refused where it %s', (_what, content, message) => {
    expect(() => roleHierarchy({ rolesFile: fileOf(content) })).toThrow(message);
  });

  it('are refused where there is none', () => {
    expect(() => roleHierarchy({ rolesFile: '/nowhere/roles.json' })).toThrow(
      '/nowhere/roles.json cannot be read (ENOENT',
    );
  });
});
