import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRoleHierarchy } from './authorization.options.js';
import { RoleHierarchy } from './role-hierarchy.js';

const ROLES = {
  Admin: { inherits: ['Manager'], permissions: ['*'] },
  Manager: { inherits: ['User'], permissions: ['reports:*', 'orders:approve'] },
  User: { permissions: ['orders:read'] },
  Stranger: {},
};

describe('roles', () => {
  const hierarchy = new RoleHierarchy(ROLES);
  const getRoles = (...roles: string[]) => [...hierarchy.getGrants(roles).roles].toSorted();

  it('include the roles that they inherit, directly or indirectly, and no others', () => {
    expect(getRoles('Admin')).toEqual(['Admin', 'Manager', 'User']);
    expect(getRoles('Manager')).toEqual(['Manager', 'User']);
    expect(getRoles('User')).toEqual(['User']);
    expect(getRoles('User', 'Stranger')).toEqual(['Stranger', 'User']);
  });

  it('that are not defined are ignored, also with names of built-in properties', () => {
    expect(getRoles('Root', 'constructor', '__proto__', 'toString')).toEqual([]);
    expect(hierarchy.getGrants(['__proto__', '*']).hasPermission('orders:read')).toBe(false);
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
  ])('%s has the permission %s: %s', (role, permission, expected) => {
    expect(hierarchy.getGrants([role]).hasPermission(permission)).toBe(expected);
  });

  it('are resolved once for the same set of roles, in any order', () => {
    const grants = hierarchy.getGrants(['User', 'Manager']);
    expect(hierarchy.getGrants(['Manager', 'User', 'Manager', 'nobody'])).toBe(grants);
  });

  it('add permissions and never remove them', () => {
    fc.assert(
      fc.property(fc.subarray(Object.keys(ROLES)), fc.constantFrom(...Object.keys(ROLES)), (roles, more) => {
        const [before, after] = [hierarchy.getGrants(roles), hierarchy.getGrants([...roles, more])];
        const names = ['orders:read', 'orders:approve', 'reports:read', 'x:y'];
        expect(names.filter((name) => before.hasPermission(name) && !after.hasPermission(name))).toEqual([]);
      }),
    );
  });
});

describe('roles fail the start', () => {
  it.each([
    [
      'inherit in a circle',
      { A: { inherits: ['B'] }, B: { inherits: ['C'] }, C: { inherits: ['A'] } },
      'A > B > C > A',
    ],
    ['inherit themselves', { A: { inherits: ['A'] } }, 'circle: A > A'],
    ['inherit an unknown role', { A: { inherits: ['Bee'] } }, 'inherits the unknown role "Bee". Known roles: A'],
    ['grant an invalid permission', { A: { permissions: ['a b'] } }, 'grants "a b"'],
    ['have a wildcard in the middle', { A: { permissions: ['a:*:b'] } }, 'grants "a:*:b"'],
    ['have an invalid name', { 'A\nB': {} }, 'A role has the name'],
    [
      'are tenant roles and inherit an account role',
      { Admin: { permissions: ['*'] }, Owner: { scope: 'tenant' as const, inherits: ['Admin'] } },
      'inherits the account role "Admin"',
    ],
    [
      'are tenant roles and grant all permissions',
      { Owner: { scope: 'tenant' as const, permissions: ['*'] } },
      'which is every permission of the platform',
    ],
  ])('if they %s', (_what, roles, message) => {
    expect(() => new RoleHierarchy(roles)).toThrow(message);
  });

  it('if they grant a permission that is not in the vocabulary', () => {
    const roles = { A: { permissions: ['orders:reed'] } };
    expect(() => createRoleHierarchy({ roles, permissions: ['orders:read'] })).toThrow(
      'the unknown permission "orders:reed"',
    );
    expect(() => createRoleHierarchy({ roles: {}, permissions: ['orders:*'] })).toThrow(
      '"orders:*" is not a valid permission',
    );
  });
});

describe('roles from a file', () => {
  const writeRolesFile = (content: unknown) => {
    const path = join(mkdtempSync(join(tmpdir(), 'bulwark-roles-')), 'roles.json');
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };

  it('override the roles of the options', () => {
    const rolesFile = writeRolesFile({ roles: { Manager: { inherits: ['User'], permissions: ['reports:read'] } } });
    const hierarchy = createRoleHierarchy({ roles: { Manager: { permissions: ['x'] } }, rolesFile });
    expect(hierarchy.getGrants(['Manager']).permissions).toEqual(['reports:read']);
    expect(hierarchy.has('Admin')).toBe(true);
  });

  it.each([
    ['is not JSON', '{', 'cannot be read'],
    ['has an unknown member', { rolls: {} }, 'rolls'],
    ['has a role with an unknown member', { roles: { A: { permission: 'x' } } }, 'permission'],
  ])('fail the start if the file %s', (_what, content, message) => {
    expect(() => createRoleHierarchy({ rolesFile: writeRolesFile(content) })).toThrow(message);
  });

  it('fail the start if the file does not exist', () => {
    expect(() => createRoleHierarchy({ rolesFile: '/nowhere/roles.json' })).toThrow(
      '/nowhere/roles.json cannot be read (ENOENT',
    );
  });
});
