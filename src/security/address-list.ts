import { BlockList, isIP } from 'node:net';
import { parseAddress } from '../context/index.js';

/** A look-up walks the whole list, so the last answers are kept. */
const MAX_REMEMBERED = 10_000;
/** Longer texts are not remembered: a client can make up any number of them. */
const MAX_REMEMBERED_LENGTH = 45;

/**
 * Addresses and networks, parsed once. Addresses are compared in the form of `parseAddress()`: an IPv4-mapped IPv6 address
 * (`::ffff:192.0.2.1`) is the IPv4 address, and a port does not count.
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
    const parsed = parseAddress(address);
    const isIn = parsed !== undefined && this.list.check(parsed, isIP(parsed) === 4 ? 'ipv4' : 'ipv6');
    if (address.length > MAX_REMEMBERED_LENGTH) return isIn;
    if (this.known.size >= MAX_REMEMBERED) this.known.clear();
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
