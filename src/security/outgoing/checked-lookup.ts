import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { OutgoingRequestError } from './outgoing-error.js';

/** Resolves a host name to addresses. @publicApi */
export type Resolver = (hostname: string) => Promise<readonly LookupAddress[]>;

/** Resolves names as the operating system does, including its hosts file. */
export const systemResolver: Resolver = (hostname) =>
  new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)));
  });

/**
 * Creates a look-up function for `http.request()` that rejects a name if one of its addresses is not allowed. The
 * connection uses the returned address without a second look-up. So a name that changes its address in between (DNS
 * rebinding) does not bypass the check.
 */
export function createCheckedLookup(resolver: Resolver, isAllowed: (address: string) => boolean): LookupFunction {
  const find = async (hostname: string, family: number): Promise<[LookupAddress, ...LookupAddress[]]> => {
    const addresses = await resolver(hostname).catch((cause: Error) => {
      throw createUnknownHostError(hostname, cause);
    });
    const refused = addresses.find(({ address }) => !isAllowed(address));
    if (refused) throw createAddressRefusedError(hostname, refused.address);
    const [first, ...others] = addresses.filter((address) => family === 0 || address.family === family);
    if (!first) throw createUnknownHostError(hostname);
    return [first, ...others];
  };
  const lookup = async (...[hostname, options, done]: Parameters<LookupFunction>): Promise<void> => {
    let addresses;
    try {
      addresses = await find(hostname, toFamilyNumber(options.family));
    } catch (error) {
      return done(error as Error, []);
    }
    if (options.all) done(null, addresses);
    else done(null, addresses[0].address, addresses[0].family);
  };
  return (...call) => void lookup(...call);
}

function createUnknownHostError(hostname: string, cause?: Error): OutgoingRequestError {
  return new OutgoingRequestError('OUTGOING_FAILED', `${hostname} has no address.`, { cause });
}

export function createAddressRefusedError(hostname: string, address: string): OutgoingRequestError {
  return new OutgoingRequestError(
    'OUTGOING_ADDRESS_REFUSED',
    `${hostname} has the address ${address}, which is not on the public Internet. To allow it, add it to allowAddresses.`,
  );
}

/** 0 means any family. */
function toFamilyNumber(family: number | string = 0): number {
  return family === 'IPv4' ? 4 : family === 'IPv6' ? 6 : Number(family);
}
