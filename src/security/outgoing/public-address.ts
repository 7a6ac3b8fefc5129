import { BlockList, isIP } from 'node:net';
import { AddressList } from '../address-list.js';

/** IPv4 networks that are not on the public Internet (https://www.iana.org/assignments/iana-ipv4-special-registry). */
const RESERVED_IPV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  // Contains the metadata service of clouds, 169.254.169.254.
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
 * Reserved networks inside 2000::/3 (https://www.iana.org/assignments/iana-ipv6-special-registry): Teredo and 6to4, which
 * contain IPv4 addresses, and the networks for protocols and documentation. Addresses outside 2000::/3, such as NAT64 and
 * IPv4-mapped addresses, are never public.
 */
const RESERVED_IPV6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

const reserved = new AddressList([...RESERVED_IPV4, ...RESERVED_IPV6]);
const unicast = new BlockList();
unicast.addSubnet('2000::', 3, 'ipv6');

/**
 * Whether an address is on the public Internet. False for this host, private networks, metadata services of clouds,
 * reserved networks, and IPv6 addresses that contain an IPv4 address.
 *
 * @publicApi
 */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !reserved.has(address);
  return family === 6 && unicast.check(address, 'ipv6') && !reserved.has(address);
}
