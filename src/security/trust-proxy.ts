import { parseAddress } from '../context/index.js';
import { AddressList } from './address-list.js';

/** Names that Express gave to networks, and Fastify took over. */
const NAMED_NETWORKS: Readonly<Record<string, readonly string[]>> = {
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  loopback: ['127.0.0.0/8', '::1/128'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/**
 * The setting in the form that both adapters take: whether to trust an address so many hops away. Their own functions
 * parse each address anew, every time that somebody asks a request for its client.
 *
 * @throws RangeError on an entry that is neither an address, nor a network, nor one of the names
 */
export function trustProxyOption(
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
