import { Inject, Injectable, SetMetadata, type CanActivate, type CustomDecorator } from '@nestjs/common';
import type { ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ChainedGuard, GuardOrder, OPERATIONAL_ROUTE, hasRouteFlag, RouteMemo } from '../guards/index.js';
import { getClientAddress, getRequest } from '../context/index.js';
import { ProblemException } from '../problem/index.js';
import { AddressList } from './address-list.js';
import { SECURITY_SETTINGS, type SecuritySettings } from './security.options.js';
import { SecurityReports } from './security-reports.js';

const ALLOWED = Symbol('bulwark.allowAddresses');
const DENIED = Symbol('bulwark.denyAddresses');

/**
 * Allows only these addresses and networks (`10.0.0.0/8`, `2001:db8::/32`) on a route or controller. The address must
 * also be allowed by the options of the module.
 *
 * @throws RangeError if an entry is neither an address nor a network
 * @publicApi
 */
export function AllowAddresses(...entries: [string, ...string[]]): CustomDecorator<symbol> {
  return SetMetadata(ALLOWED, new AddressList(entries));
}

/** Denies these addresses and networks on a route or controller. @publicApi */
export function DenyAddresses(...entries: [string, ...string[]]): CustomDecorator<symbol> {
  return SetMetadata(DENIED, new AddressList(entries));
}

/** An address must be in every `allow` list and in no `deny` list. */
interface AddressRules {
  readonly allow: readonly AddressList[];
  readonly deny: readonly AddressList[];
}

/**
 * Denies clients by their address, before other work is done for a request. On a route with a list, a client without a
 * valid address is denied.
 */
@Injectable()
@ChainedGuard({ order: GuardOrder.Network })
export class AddressGuard implements CanActivate {
  private readonly globalRules: AddressRules;
  private readonly rulesByRoute = new RouteMemo((handler, controller): AddressRules | undefined => {
    const getRouteLists = (key: symbol) =>
      this.reflector.getAll<(AddressList | undefined)[]>(key, [handler, controller]);
    // A platform sends probes from its own addresses, which the global allow list need not contain.
    const isOperational = hasRouteFlag(this.reflector, OPERATIONAL_ROUTE, handler, controller);
    const allow = [...(isOperational ? [] : this.globalRules.allow), ...getRouteLists(ALLOWED)].filter(
      (list) => list !== undefined,
    );
    const deny = [...this.globalRules.deny, ...getRouteLists(DENIED)].filter((list) => list !== undefined);
    return allow.length + deny.length === 0 ? undefined : { allow, deny };
  });

  constructor(
    private readonly reflector: Reflector,
    @Inject(SECURITY_SETTINGS) { allowAddresses, denyAddresses }: SecuritySettings,
    private readonly reports: SecurityReports,
  ) {
    const toLists = (entries: readonly string[] | undefined) => (entries?.length ? [new AddressList(entries)] : []);
    this.globalRules = { allow: toLists(allowAddresses), deny: toLists(denyAddresses) };
  }

  canActivate(context: ExecutionContext): boolean {
    if (context.getType() !== 'http') return true;
    const rules = this.rulesByRoute.get(context);
    if (!rules) return true;
    const address = getClientAddress(getRequest(context));
    if (address !== undefined && isAllowed(address, rules)) return true;
    this.reports.report('address', address ?? 'unknown');
    throw new ProblemException('ADDRESS_DENIED', 'Requests from your address are not allowed.');
  }
}

function isAllowed(address: string, { allow, deny }: AddressRules): boolean {
  return allow.every((list) => list.has(address)) && !deny.some((list) => list.has(address));
}
