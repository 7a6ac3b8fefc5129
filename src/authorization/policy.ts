import type { Type } from '@nestjs/common';
import type { AdapterRequest, Principal } from '../context/index.js';

/** A request as policies see it: both adapters have these. The body has been parsed, and not yet been validated. @publicApi */
export interface RouteRequest extends AdapterRequest {
  readonly params: Readonly<Record<string, string | undefined>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

/** What a policy decides on. @publicApi */
export interface Access {
  readonly principal: Principal;
  readonly request: RouteRequest;
  hasRole(role: string): boolean;
  hasPermission(permission: string): boolean;
}

/** Only `true` lets a request pass. @publicApi */
export type PolicyCheck = (access: Access) => boolean | Promise<boolean>;

/** A policy that is a provider, and so may ask a repository. @publicApi */
export interface AccessPolicy {
  check(access: Access): boolean | Promise<boolean>;
}

/** Hands out a provider of the application. */
export type FindPolicy = (type: Type<AccessPolicy>) => AccessPolicy;

/** A policy with the name by which denials are audited. @publicApi */
export interface Policy {
  readonly name: string;
  /** Roles and permissions that it names; the start fails on one that there is not. */
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  /** Called once, at start. */
  bind(find: FindPolicy): PolicyCheck;
}

/** A policy, a plain function, or the class of a provider. @publicApi */
export type PolicyLike = Policy | PolicyCheck | Type<AccessPolicy>;

/** Gives a plain function a name. @publicApi */
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

/** A value of the request, with a name for the audit trail. @publicApi */
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

/** A field of the body, which is whatever the client has sent. @publicApi */
export function bodyField(name: string): RequestValue {
  const read = ({ body }: RouteRequest) =>
    typeof body === 'object' && body !== null && Object.hasOwn(body, name)
      ? (body as Record<string, unknown>)[name]
      : undefined;
  return { name: `body.${name}`, read };
}

/** The caller is the user whom the request names. @publicApi */
export function ownerOf(value: RequestValue): Policy {
  return policy(`ownerOf(${value.name})`, ({ principal, request }) => sameId(value.read(request), principal.id));
}

/** The caller acts in the tenant that the request names. @publicApi */
export function inTenant(value: RequestValue): Policy {
  return policy(`inTenant(${value.name})`, ({ principal, request }) => sameId(value.read(request), principal.tenantId));
}

/** The caller acts in a tenant, whichever. @publicApi */
export const inAnyTenant: Policy = policy('inAnyTenant', ({ principal }) => principal.tenantId !== undefined);

/** @publicApi */
export function allOf(...policies: readonly [PolicyLike, ...PolicyLike[]]): Policy {
  return combined('allOf', policies, everyOf);
}

/** @publicApi */
export function anyOf(...policies: readonly [PolicyLike, ...PolicyLike[]]): Policy {
  return combined('anyOf', policies, someOf);
}

/** Passes where the other policy says `false`, and not where it says nothing. @publicApi */
export function not(inner: PolicyLike): Policy {
  return combined('not', [inner], ([check]) => (access) => {
    const verdict = check?.(access);
    return verdict instanceof Promise ? verdict.then((late) => late === false) : verdict === false;
  });
}

/** @internal */
export function policyOf(given: PolicyLike): Policy {
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

function combined(
  word: string,
  parts: readonly PolicyLike[],
  combine: (checks: readonly PolicyCheck[]) => PolicyCheck,
): Policy {
  const policies = parts.map(policyOf);
  return {
    name: `${word}(${policies.map(({ name }) => name).join(', ')})`,
    roles: policies.flatMap(({ roles }) => roles),
    permissions: policies.flatMap(({ permissions }) => permissions),
    bind: (find) => combine(policies.map((one) => one.bind(find))),
  };
}

/** Asks one after the other, and waits only for those that take time. */
function everyOf(checks: readonly PolicyCheck[]): PolicyCheck {
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

function someOf(checks: readonly PolicyCheck[]): PolicyCheck {
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

/** Ids are UUIDs, in either case of letters; what is no text is nobody's. */
function sameId(given: unknown, own: string | undefined): boolean {
  return typeof given === 'string' && own !== undefined && given.toLowerCase() === own.toLowerCase();
}
