/** Definition of a role. @publicApi */
export interface RoleDefinition {
  /**
   * `account`: the role belongs to an account and applies everywhere. `tenant`: it belongs to a member of a tenant and
   * applies in that tenant. A tenant role can neither inherit an account role nor grant `*`, so that a tenant role never
   * gives rights on the whole platform. @default 'account'
   */
  readonly scope?: 'account' | 'tenant';
  /** Inherited roles. The role has their permissions and passes `@Roles()` for them. @default none */
  readonly inherits?: readonly string[];
  /** `orders:read` is one permission. `orders:*` is all permissions that begin with `orders:`. `*` is all permissions. @default none */
  readonly permissions?: readonly string[];
}

/** Roles by name. @publicApi */
export type RoleDefinitions = Readonly<Record<string, RoleDefinition>>;

const ROLE_PATTERN = /^[\w.-]{1,64}$/;
const PERMISSION_PATTERN = /^[a-z][\w.-]*(?::[\w.-]+)*$/i;
const GRANT_PATTERN = /^(?:\*|[a-z][\w.-]*(?::[\w.-]+)*(?::\*)?)$/i;

/** Whether a text is the name of one permission, without wildcards. */
export function isPermission(text: string): boolean {
  return PERMISSION_PATTERN.test(text);
}

/** The roles and permissions of a caller. Callers with the same roles share one instance. @publicApi */
export class Grants {
  /** All roles, including inherited roles. */
  readonly roles: ReadonlySet<string>;
  private readonly names = new Set<string>();
  private readonly prefixes: string[] = [];
  private readonly hasAllPermissions: boolean;

  constructor(roles: Iterable<string>, permissions: Iterable<string>) {
    this.roles = new Set(roles);
    const all = new Set(permissions);
    this.hasAllPermissions = all.delete('*');
    for (const grant of all) {
      if (grant.endsWith(':*')) this.prefixes.push(grant.slice(0, -1));
      else this.names.add(grant);
    }
  }

  hasRole(role: string): boolean {
    return this.roles.has(role);
  }

  hasPermission(permission: string): boolean {
    return (
      this.hasAllPermissions ||
      this.names.has(permission) ||
      this.prefixes.some((prefix) => permission.startsWith(prefix) && permission.length > prefix.length)
    );
  }

  /** The granted permissions, including wildcards. */
  get permissions(): string[] {
    const groups = this.prefixes.map((prefix) => `${prefix}*`);
    return [...(this.hasAllPermissions ? ['*'] : []), ...groups, ...this.names].toSorted();
  }
}

/** All roles of the application, with the roles and permissions that each of them inherits. */
export class RoleHierarchy {
  private readonly inheritedRoles = new Map<string, ReadonlySet<string>>();
  private readonly byRoles = new Map<string, Grants>();
  private readonly byArray = new WeakMap<readonly string[], Grants>();

  /**
   * @param vocabulary all permissions of the application. Undefined if any name is accepted
   * @throws TypeError if a role inherits an unknown role or itself, or grants an unknown permission
   */
  constructor(
    private readonly definitions: RoleDefinitions,
    private readonly vocabulary?: readonly string[],
  ) {
    for (const name of vocabulary ?? []) {
      if (!isPermission(name)) throw new TypeError(`"${name}" is not a valid permission. Write it like orders:read.`);
    }
    for (const role of this.names) {
      this.validateRole(role);
      this.inheritedRoles.set(role, this.collectRoles(role, []));
    }
  }

  get names(): readonly string[] {
    return Object.keys(this.definitions);
  }

  has(role: string): boolean {
    return Object.hasOwn(this.definitions, role);
  }

  /** Undefined for an unknown role. */
  getScope(role: string): 'account' | 'tenant' | undefined {
    return this.has(role) ? (this.definitions[role]?.scope ?? 'account') : undefined;
  }

  /** Whether a role or a route may use the permission. */
  isKnownPermission(permission: string): boolean {
    return isPermission(permission) && (this.vocabulary?.includes(permission) ?? true);
  }

  /** Unknown roles are ignored. An array that was passed before is found by its identity, which is the fastest look-up. */
  getGrants(roles: readonly string[]): Grants {
    const cached = this.byArray.get(roles);
    if (cached) return cached;
    const known = [...new Set(roles)].filter((role) => this.has(role)).toSorted();
    const key = known.join('\n');
    let grants = this.byRoles.get(key);
    if (!grants) this.byRoles.set(key, (grants = this.createGrants(known)));
    this.byArray.set(roles, grants);
    return grants;
  }

  private createGrants(roles: readonly string[]): Grants {
    const all = new Set(roles.flatMap((role) => [...(this.inheritedRoles.get(role) ?? [])]));
    return new Grants(
      all,
      [...all].flatMap((role) => this.definitions[role]?.permissions ?? []),
    );
  }

  private collectRoles(role: string, path: readonly string[]): ReadonlySet<string> {
    if (path.includes(role)) {
      throw new TypeError(
        `The roles inherit in a circle: ${[...path.slice(path.indexOf(role)), role].join(' > ')}. ` +
          'Remove one of these inheritances.',
      );
    }
    const done = this.inheritedRoles.get(role);
    if (done) return done;
    const closure = new Set([role]);
    for (const parent of this.definitions[role]?.inherits ?? []) {
      if (!this.has(parent)) {
        throw new TypeError(
          `The role "${role}" inherits the unknown role "${parent}". Known roles: ${this.names.join(', ')}. ` +
            `Define "${parent}", or correct the name.`,
        );
      }
      if (this.getScope(role) === 'tenant' && this.getScope(parent) !== 'tenant') {
        throw new TypeError(
          `The tenant role "${role}" inherits the account role "${parent}". Remove "${parent}" from its inherits.`,
        );
      }
      for (const inherited of this.collectRoles(parent, [...path, role])) closure.add(inherited);
    }
    return closure;
  }

  private validateRole(role: string): void {
    if (!ROLE_PATTERN.test(role)) {
      throw new TypeError(`A role has the name "${role}". Use up to 64 letters, digits, dots, dashes and underscores.`);
    }
    for (const grant of this.definitions[role]?.permissions ?? []) {
      if (!GRANT_PATTERN.test(grant)) {
        throw new TypeError(
          `The role "${role}" grants "${grant}", which is not a valid permission. Write orders:read, orders:* or *.`,
        );
      }
      if (grant === '*' && this.getScope(role) === 'tenant') {
        throw new TypeError(
          `The tenant role "${role}" grants "*", which is every permission of the platform. List its permissions.`,
        );
      }
      if (this.vocabulary && !grant.endsWith('*') && !this.vocabulary.includes(grant)) {
        throw new TypeError(
          `The role "${role}" grants the unknown permission "${grant}". ` +
            'Add it to the permissions of AuthorizationModule, or correct the name.',
        );
      }
    }
  }
}
