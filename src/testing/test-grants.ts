import { Injectable } from '@nestjs/common';
import { AccessControl, Grants } from '../authorization/index.js';
import type { Principal } from '../context/index.js';
import { ProblemException } from '../problem/index.js';
import { toPrincipal, type TestPrincipal } from './test-principal.js';

/** Gives principals of tests permissions that none of their roles has. */
@Injectable()
export class TestGrants {
  private readonly grants = new WeakMap<Principal, Grants>();

  constructor(private readonly access: AccessControl) {
    const getGrants = access.getGrants.bind(access);
    access.getGrants = (principal) => (principal && this.grants.get(principal)) ?? getGrants(principal);
  }

  /** @throws ProblemException if a role or a permission does not exist, so that a misspelt name does not look like a denial */
  createPrincipal(given: TestPrincipal): Principal {
    const { hierarchy } = this.access;
    const { roles = [], permissions = [], apiKey } = given;
    const role = roles.find((name) => !hierarchy.has(name));
    if (role !== undefined) throw createUnknownNameProblem(`role "${role}"`, 'roles', hierarchy.names);
    const granted = [...permissions, ...(apiKey?.permissions ?? [])];
    const unknown = granted.find((name) => !name.endsWith('*') && !hierarchy.isKnownPermission(name));
    if (unknown !== undefined) throw createUnknownNameProblem(`permission "${unknown}"`, 'permissions');
    const principal = toPrincipal(given);
    if (permissions.length > 0 && !apiKey) {
      const ofRoles = hierarchy.getGrants(roles);
      this.grants.set(principal, new Grants(ofRoles.roles, [...ofRoles.permissions, ...permissions]));
    }
    return principal;
  }
}

function createUnknownNameProblem(what: string, option: string, known: readonly string[] = []): ProblemException {
  const list = known.length > 0 ? ` Known: ${known.join(', ')}.` : '';
  return new ProblemException(
    'VALIDATION_FAILED',
    `The test principal has the unknown ${what}.${list} Correct the name, or add it to the ${option} of AuthorizationModule.`,
  );
}
