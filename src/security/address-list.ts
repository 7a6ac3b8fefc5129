import { BlockList, isIP } from 'node:net';
import { parseAddress } from '../context/index.js';

/** A look-up compares the address with every entry, so results are cached. */
const MAX_CACHED_ADDRESSES = 10_000;
/** Longer texts are not cached, because a client can invent any number of them. */
const MAX_CACHED_LENGTH = 45;

/**
 * A list of addresses and networks, parsed once. Addresses are compared in the canonical form of `parseAddress()`: an
 * IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) equals the IPv4 address, and a port is ignored.
 *
 * @publicApi
 */
export class AddressList {
  private readonly list = new BlockList();
  private readonly cache = new Map<string, boolean>();

  /** @throws RangeError if an entry is neither an address nor a network */
  constructor(entries: readonly string[]) {
    for (const entry of entries) this.add(entry);
  }

  has(address: string): boolean {
    const cached = this.cache.get(address);
    if (cached !== undefined) return cached;
    const parsed = parseAddress(address);
    const isListed = parsed !== undefined && this.list.check(parsed, isIP(parsed) === 4 ? 'ipv4' : 'ipv6');
    if (address.length > MAX_CACHED_LENGTH) return isListed;
    if (this.cache.size >= MAX_CACHED_ADDRESSES) this.cache.clear();
    this.cache.set(address, isListed);
    return isListed;
  }

  private add(entry: string): void {
    const [address = '', prefix, ...more] = entry.trim().split('/');
    const family = isIP(address);
    const maxPrefixLength = family === 4 ? 32 : 128;
    const length = prefix === undefined ? maxPrefixLength : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
    if (family === 0 || more.length > 0 || !(length <= maxPrefixLength) || address.includes('%')) {
      throw new RangeError(`"${entry}" is neither an address nor a network such as 10.0.0.0/8 or 2001:db8::/32`);
    }
    this.list.addSubnet(address, length, family === 4 ? 'ipv4' : 'ipv6');
  }
}
