import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { OutgoingRequestError } from './outgoing-error.js';

/** Finds the addresses of a name. @publicApi */
export type Resolver = (hostname: string) => Promise<readonly LookupAddress[]>;

/** As the system resolves names, its hosts file among it. */
export const systemResolver: Resolver = (hostname) =>
  new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)));
  });

/**
 * A look-up for `http.request()` that refuses names with any address that is not wanted. The connection is made to what
 * it answers, and nobody asks again: a name that changes its address in between (DNS rebinding) gains nothing.
 */
export function checkedLookup(resolver: Resolver, isWanted: (address: string) => boolean): LookupFunction {
  const find = async (hostname: string, family: number): Promise<[LookupAddress, ...LookupAddress[]]> => {
    const addresses = await resolver(hostname).catch((cause: Error) => {
      throw unknownHost(hostname, cause);
    });
    const wrong = addresses.find(({ address }) => !isWanted(address));
    if (wrong) throw addressRefused(hostname, wrong.address);
    const [first, ...others] = addresses.filter((address) => family === 0 || address.family === family);
    if (!first) throw unknownHost(hostname);
    return [first, ...others];
  };
  const answer = async (...[hostname, options, done]: Parameters<LookupFunction>): Promise<void> => {
    let addresses;
    try {
      addresses = await find(hostname, familyOf(options.family));
    } catch (error) {
      return done(error as Error, []);
    }
    if (options.all) done(null, addresses);
    else done(null, addresses[0].address, addresses[0].family);
  };
  return (...call) => void answer(...call);
}

function unknownHost(hostname: string, cause?: Error): OutgoingRequestError {
  return new OutgoingRequestError('OUTGOING_FAILED', `${hostname} has no address.`, { cause });
}

export function addressRefused(hostname: string, address: string): OutgoingRequestError {
  return new OutgoingRequestError(
    'OUTGOING_ADDRESS_REFUSED',
    `${hostname} is ${address}, which is not on the public Internet. Allow it by allowAddresses, if it is meant.`,
  );
}

/** 0 is any. */
function familyOf(family: number | string = 0): number {
  return family === 'IPv4' ? 4 : family === 'IPv6' ? 6 : Number(family);
}
