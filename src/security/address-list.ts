import { BlockList, isIP } from 'node:net';

/** Addresses whose answer is kept; a look-up walks the whole list. */
const MOST_REMEMBERED = 10_000;
/** IPv4-mapped and written out. What is longer is made up, and must not fill the memory. */
const LONGEST_REMEMBERED = 45;

/**
 * Addresses and networks, parsed once. An IPv4 address that came in over an IPv6 socket (`::ffff:192.0.2.1`) is the same
 * address as without.
 *
 * @publicApi
 */
export class AddressList {
  private readonly list = new BlockList();
  private readonly known = new Map<string, boolean>();

  /** @throws RangeError on an entry that is neither an address nor a network */
  constructor(entries: readonly string[]) {
    for (const entry of entries) this.add(entry);
  }

  has(address: string): boolean {
    const known = this.known.get(address);
    if (known !== undefined) return known;
    const family = isIP(address);
    const isIn = family !== 0 && this.list.check(address, family === 4 ? 'ipv4' : 'ipv6');
    if (address.length > LONGEST_REMEMBERED) return isIn;
    if (this.known.size >= MOST_REMEMBERED) this.known.clear();
    this.known.set(address, isIn);
    return isIn;
  }

  private add(entry: string): void {
    const [address = '', prefix, ...more] = entry.trim().split('/');
    const family = isIP(address);
    const longest = family === 4 ? 32 : 128;
    const length = prefix === undefined ? longest : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
    if (family === 0 || more.length > 0 || !(length <= longest) || address.includes('%')) {
      throw new RangeError(`"${entry}" is neither an address nor a network such as 10.0.0.0/8 or 2001:db8::/32`);
    }
    this.list.addSubnet(address, length, family === 4 ? 'ipv4' : 'ipv6');
  }
}
