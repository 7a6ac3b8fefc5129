import type { Type } from '@nestjs/common';
import type { AdapterRequest, Principal } from '../context/index.js';

/** The part of a request that policies can read on both adapters. The body is parsed but not yet validated. @publicApi */
export interface RouteRequest extends AdapterRequest {
  readonly params: Readonly<Record<string, string | undefined>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

/** Input of a policy: the caller and the request. @publicApi */
export interface Access {
  readonly principal: Principal;
  readonly request: RouteRequest;
  hasRole(role: string): boolean;
  hasPermission(permission: string): boolean;
}

/** Returns `true` to allow the request. Any other value denies it. @publicApi */
export type PolicyCheck = (access: Access) => boolean | Promise<boolean>;

/** A policy that is a provider, so that it can inject a repository. @publicApi */
export interface AccessPolicy {
  check(access: Access): boolean | Promise<boolean>;
}

/** Returns a provider of the application. @publicApi */
export type FindPolicy = (type: Type<AccessPolicy>) => AccessPolicy;

/** A policy with a name. Audit events of denials contain the name. @publicApi */
export interface Policy {
  readonly name: string;
  /** Roles that the policy checks. The start fails if a role or a permission does not exist. */
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  /** Called once, at start. */
  bind(find: FindPolicy): PolicyCheck;
}

/** A policy, a function, or the class of a provider. @publicApi */
export type PolicyLike = Policy | PolicyCheck | Type<AccessPolicy>;

/** Creates a policy from a name and a function. @publicApi */
export function policy(name: string, check: PolicyCheck): Policy {
  return { name, roles: [], permissions: [], bind: () => check };
}

/** @publicApi */
export function hasRole(role: string): Policy {
  return { ...policy(`hasRole(${role})`, (access) => access.hasRole(role)), roles: [role] };
}

/** @publicApi */
export function hasPermission(permission: string): Policy {
  const check: PolicyCheck = (access) => access.hasPermission(permission);
  return { ...policy(`hasPermission(${permission})`, check), permissions: [permission] };
}

/** Reads a value of the request. The name is used in the audit trail. @publicApi */
export interface RequestValue {
  readonly name: string;
  read(request: RouteRequest): unknown;
}

/** A parameter of the path. @publicApi */
export function param(name: string): RequestValue {
  return { name, read: ({ params }) => params[name] };
}

/** A field of the query. @publicApi */
export function queryField(name: string): RequestValue {
  return { name: `query.${name}`, read: ({ query }) => query[name] };
}

/** A field of the body. The body is not validated yet. @publicApi */
export function bodyField(name: string): RequestValue {
  const read = ({ body }: RouteRequest) =>
    typeof body === 'object' && body !== null && Object.hasOwn(body, name)
      ? (body as Record<string, unknown>)[name]
      : undefined;
  return { name: `body.${name}`, read };
}

/** The caller is the user that the request names. @publicApi */
export function ownerOf(value: RequestValue): Policy {
  return policy(`ownerOf(${value.name})`, ({ principal, request }) => isSameId(value.read(request), principal.id));
}

/** The caller acts in the tenant that the request names. @publicApi */
export function inTenant(value: RequestValue): Policy {
  return policy(`inTenant(${value.name})`, ({ principal, request }) =>
    isSameId(value.read(request), principal.tenantId),
  );
}

/** The caller acts in any tenant. @publicApi */
export const inAnyTenant: Policy = policy('inAnyTenant', ({ principal }) => principal.tenantId !== undefined);

/** @publicApi */
export function allOf(...policies: readonly [PolicyLike, ...PolicyLike[]]): Policy {
  return combinePolicies('allOf', policies, checkAll);
}

/** @publicApi */
export function anyOf(...policies: readonly [PolicyLike, ...PolicyLike[]]): Policy {
  return combinePolicies('anyOf', policies, checkAny);
}

/** Allows if the other policy returns `false`. A value that is not a boolean denies. @publicApi */
export function not(inner: PolicyLike): Policy {
  return combinePolicies('not', [inner], ([check]) => (access) => {
    const verdict = check?.(access);
    return verdict instanceof Promise ? verdict.then((late) => late === false) : verdict === false;
  });
}

/** @internal */
export function toPolicy(given: PolicyLike): Policy {
  if (typeof given !== 'function') return given;
  if (isPolicyClass(given)) {
    const bind = (find: FindPolicy): PolicyCheck => {
      const provider = find(given);
      return (access) => provider.check(access);
    };
    return { name: given.name, roles: [], permissions: [], bind };
  }
  return policy(given.name || 'unnamed policy', given);
}

function isPolicyClass(given: PolicyCheck | Type<AccessPolicy>): given is Type<AccessPolicy> {
  return typeof (given as Partial<Type<AccessPolicy>>).prototype?.check === 'function';
}

function combinePolicies(
  word: string,
  parts: readonly PolicyLike[],
  combine: (checks: readonly PolicyCheck[]) => PolicyCheck,
): Policy {
  const policies = parts.map(toPolicy);
  return {
    name: `${word}(${policies.map(({ name }) => name).join(', ')})`,
    roles: policies.flatMap(({ roles }) => roles),
    permissions: policies.flatMap(({ permissions }) => permissions),
    bind: (find) => combine(policies.map((one) => one.bind(find))),
  };
}

/** Runs the checks one after the other and awaits only asynchronous checks. */
function checkAll(checks: readonly PolicyCheck[]): PolicyCheck {
  const from = (start: number, access: Access): boolean | Promise<boolean> => {
    for (let i = start; i < checks.length; i++) {
      const verdict = checks[i]?.(access);
      if (verdict instanceof Promise) return verdict.then((late) => late === true && from(i + 1, access));
      if (verdict !== true) return false;
    }
    return true;
  };
  return (access) => from(0, access);
}

function checkAny(checks: readonly PolicyCheck[]): PolicyCheck {
  const from = (start: number, access: Access): boolean | Promise<boolean> => {
    for (let i = start; i < checks.length; i++) {
      const verdict = checks[i]?.(access);
      if (verdict instanceof Promise) return verdict.then((late) => late === true || from(i + 1, access));
      if (verdict === true) return true;
    }
    return false;
  };
  return (access) => from(0, access);
}

/** Compares two UUIDs and ignores letter case. */
function isSameId(value: unknown, id: string | undefined): boolean {
  return typeof value === 'string' && id !== undefined && value.toLowerCase() === id.toLowerCase();
}
