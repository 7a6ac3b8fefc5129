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
 * Opens a route or controller to these addresses and networks alone (`10.0.0.0/8`, `2001:db8::/32`), beside what the
 * module allows.
 *
 * @throws RangeError on an entry that is neither
 * @publicApi
 */
export function AllowAddresses(...entries: [string, ...string[]]): CustomDecorator<symbol> {
  return SetMetadata(ALLOWED, new AddressList(entries));
}

/** Closes a route or controller to these addresses and networks. @publicApi */
export function DenyAddresses(...entries: [string, ...string[]]): CustomDecorator<symbol> {
  return SetMetadata(DENIED, new AddressList(entries));
}

/** Lists that an address must be in, each of them, and lists that it must not be in. */
interface Lists {
  readonly allow: readonly AddressList[];
  readonly deny: readonly AddressList[];
}

/**
 * Admits the clients that the lists admit, before anything else is spent on a request. A client without a valid address
 * passes no list: neither one that allows nor one that denies.
 */
@Injectable()
@ChainedGuard({ order: GuardOrder.Network })
export class AddressGuard implements CanActivate {
  private readonly general: Lists;
  private readonly lists = new RouteMemo((handler, controller): Lists | undefined => {
    const ofRoute = (key: symbol) => this.reflector.getAll<(AddressList | undefined)[]>(key, [handler, controller]);
    // Platforms ask for probes from addresses of their own.
    const isOperational = hasRouteFlag(this.reflector, OPERATIONAL_ROUTE, handler, controller);
    const allow = [...(isOperational ? [] : this.general.allow), ...ofRoute(ALLOWED)].filter(
      (list) => list !== undefined,
    );
    const deny = [...this.general.deny, ...ofRoute(DENIED)].filter((list) => list !== undefined);
    return allow.length + deny.length === 0 ? undefined : { allow, deny };
  });

  constructor(
    private readonly reflector: Reflector,
    @Inject(SECURITY_SETTINGS) { allowAddresses, denyAddresses }: SecuritySettings,
    private readonly reports: SecurityReports,
  ) {
    const listOf = (entries: readonly string[] | undefined) => (entries?.length ? [new AddressList(entries)] : []);
    this.general = { allow: listOf(allowAddresses), deny: listOf(denyAddresses) };
  }

  canActivate(context: ExecutionContext): boolean {
    if (context.getType() !== 'http') return true;
    const lists = this.lists.get(context);
    if (!lists) return true;
    const address = getClientAddress(getRequest(context));
    if (address !== undefined && isAdmitted(address, lists)) return true;
    this.reports.refused('address', address ?? 'unknown');
    throw new ProblemException('ADDRESS_DENIED', 'This is not served to your address.');
  }
}

function isAdmitted(address: string, { allow, deny }: Lists): boolean {
  return allow.every((list) => list.has(address)) && !deny.some((list) => list.has(address));
}
