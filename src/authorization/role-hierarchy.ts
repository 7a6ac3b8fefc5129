/** What a role may do. @publicApi */
export interface RoleDefinition {
  /**
   * Who has it: an account everywhere, or the member of a tenant within that tenant. A tenant's role can neither inherit
   * one of accounts nor grant `*`, so that nobody gains the platform by being somebody in a tenant. @default 'account'
   */
  readonly scope?: 'account' | 'tenant';
  /** Roles whose permissions it has as well, and for which it stands in `@Roles()`. @default none */
  readonly inherits?: readonly string[];
  /** `orders:read`; `orders:*` is all that begins with `orders:`, and `*` is everything. @default none */
  readonly permissions?: readonly string[];
}

/** Roles by name. @publicApi */
export type RoleDefinitions = Readonly<Record<string, RoleDefinition>>;

const ROLE = /^[\w.-]{1,64}$/;
const PERMISSION = /^[a-z][\w.-]*(?::[\w.-]+)*$/i;
const GRANT = /^(?:\*|[a-z][\w.-]*(?::[\w.-]+)*(?::\*)?)$/i;

/** Whether a text names one permission, without wildcards. */
export function isPermission(text: string): boolean {
  return PERMISSION.test(text);
}

/** What a set of roles amounts to, worked out once for all who have the same roles. @publicApi */
export class Grants {
  /** Every role that holds, the inherited ones included. */
  readonly roles: ReadonlySet<string>;
  private readonly names = new Set<string>();
  private readonly prefixes: string[] = [];
  private readonly isEverything: boolean;

  constructor(roles: Iterable<string>, permissions: Iterable<string>) {
    this.roles = new Set(roles);
    const all = new Set(permissions);
    this.isEverything = all.delete('*');
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
      this.isEverything ||
      this.names.has(permission) ||
      this.prefixes.some((prefix) => permission.startsWith(prefix) && permission.length > prefix.length)
    );
  }

  /** The permissions as they were granted, wildcards included. */
  get permissions(): string[] {
    const groups = this.prefixes.map((prefix) => `${prefix}*`);
    return [...(this.isEverything ? ['*'] : []), ...groups, ...this.names].toSorted();
  }
}

/** The roles that there are, and what each of them amounts to with all it inherits. */
export class RoleHierarchy {
  private readonly closures = new Map<string, ReadonlySet<string>>();
  private readonly byRoles = new Map<string, Grants>();
  private readonly byArray = new WeakMap<readonly string[], Grants>();

  /**
   * @param vocabulary every permission that there is; undefined where any name will do
   * @throws TypeError that names the role: one that inherits what is not there, or itself, or grants what is none
   */
  constructor(
    private readonly definitions: RoleDefinitions,
    private readonly vocabulary?: readonly string[],
  ) {
    for (const name of vocabulary ?? []) {
      if (!isPermission(name)) throw new TypeError(`"${name}" is no permission; write it like orders:read.`);
    }
    for (const role of this.names) {
      this.checkGrants(role);
      this.closures.set(role, this.closureOf(role, []));
    }
  }

  get names(): readonly string[] {
    return Object.keys(this.definitions);
  }

  has(role: string): boolean {
    return Object.hasOwn(this.definitions, role);
  }

  /** Undefined for a role that there is not. */
  scopeOf(role: string): 'account' | 'tenant' | undefined {
    return this.has(role) ? (this.definitions[role]?.scope ?? 'account') : undefined;
  }

  /** Whether a role or a route may name the permission. */
  knowsPermission(permission: string): boolean {
    return isPermission(permission) && (this.vocabulary?.includes(permission) ?? true);
  }

  /** Roles that nobody has defined count for nothing. The same array is looked up by its identity. */
  grantsOf(roles: readonly string[]): Grants {
    const seen = this.byArray.get(roles);
    if (seen) return seen;
    const known = [...new Set(roles)].filter((role) => this.has(role)).toSorted();
    const key = known.join('\n');
    let grants = this.byRoles.get(key);
    if (!grants) this.byRoles.set(key, (grants = this.combine(known)));
    this.byArray.set(roles, grants);
    return grants;
  }

  private combine(roles: readonly string[]): Grants {
    const all = new Set(roles.flatMap((role) => [...(this.closures.get(role) ?? [])]));
    return new Grants(
      all,
      [...all].flatMap((role) => this.definitions[role]?.permissions ?? []),
    );
  }

  private closureOf(role: string, path: readonly string[]): ReadonlySet<string> {
    if (path.includes(role)) {
      throw new TypeError(
        `The roles inherit in a circle: ${[...path.slice(path.indexOf(role)), role].join(' > ')}. Cut it somewhere.`,
      );
    }
    const done = this.closures.get(role);
    if (done) return done;
    const closure = new Set([role]);
    for (const parent of this.definitions[role]?.inherits ?? []) {
      if (!this.has(parent)) {
        throw new TypeError(
          `The role "${role}" inherits "${parent}", and there are ${this.names.join(', ')}. Define it, or mend the name.`,
        );
      }
      if (this.scopeOf(role) === 'tenant' && this.scopeOf(parent) !== 'tenant') {
        throw new TypeError(
          `The tenant's role "${role}" inherits "${parent}", which is a role of accounts. Take it out.`,
        );
      }
      for (const inherited of this.closureOf(parent, [...path, role])) closure.add(inherited);
    }
    return closure;
  }

  private checkGrants(role: string): void {
    if (!ROLE.test(role)) {
      throw new TypeError(`A role is named "${role}"; use up to 64 letters, digits, dots, dashes and underscores.`);
    }
    for (const grant of this.definitions[role]?.permissions ?? []) {
      if (!GRANT.test(grant)) {
        throw new TypeError(`The role "${role}" grants "${grant}"; write orders:read, orders:* or *.`);
      }
      if (grant === '*' && this.scopeOf(role) === 'tenant') {
        throw new TypeError(`The tenant's role "${role}" grants "*", which is the platform. Name what it may do.`);
      }
      if (this.vocabulary && !grant.endsWith('*') && !this.vocabulary.includes(grant)) {
        throw new TypeError(
          `The role "${role}" grants "${grant}", which is none of the permissions. Add it to them, or mend the name.`,
        );
      }
    }
  }
}
