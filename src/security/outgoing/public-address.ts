import { BlockList, isIP } from 'node:net';
import { AddressList } from '../address-list.js';

/** IPv4 that is not of the public Internet (https://www.iana.org/assignments/iana-ipv4-special-registry). */
const RESERVED_IPV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  // Metadata of clouds among it, 169.254.169.254.
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];

/**
 * What is reserved inside of 2000::/3, outside of which nothing is public
 * (https://www.iana.org/assignments/iana-ipv6-special-registry): Teredo and 6to4, which carry IPv4 addresses, and the
 * blocks for protocols and documentation. NAT64 and IPv4-mapped addresses lie outside.
 */
const RESERVED_IPV6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

const reserved = new AddressList([...RESERVED_IPV4, ...RESERVED_IPV6]);
const unicast = new BlockList();
unicast.addSubnet('2000::', 3, 'ipv6');

/**
 * Whether an address is one of the public Internet; not of this host, a private network, a cloud's metadata service or
 * any reserved block, nor one that embeds an IPv4 address.
 *
 * @publicApi
 */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !reserved.has(address);
  return family === 6 && unicast.check(address, 'ipv6') && !reserved.has(address);
}
