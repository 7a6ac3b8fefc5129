import { parseAddress } from '../context/index.js';
import { AddressList } from './address-list.js';

/** Names of networks in Express and Fastify. */
const NAMED_NETWORKS: Readonly<Record<string, readonly string[]>> = {
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  loopback: ['127.0.0.0/8', '::1/128'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/**
 * Creates the trust function that both adapters accept: whether to trust an address at a number of hops. The adapters' own
 * functions would parse each address again at every read of the client's address.
 *
 * @throws RangeError if an entry is neither an address, a network nor one of the names
 *
 * @publicApi
 */
export function createTrustProxyOption(
  trustProxy: number | readonly string[] | false,
): false | ((address: string | undefined, hop: number) => boolean) {
  if (trustProxy === false) return false;
  if (typeof trustProxy === 'number') return (_address, hop) => hop < trustProxy;
  const proxies = new AddressList(trustProxy.flatMap((entry) => NAMED_NETWORKS[entry] ?? entry));
  return (text) => {
    // A closed connection has no address.
    const address = parseAddress(text);
    return address !== undefined && proxies.has(address);
  };
}
