import { isIPv6 } from 'node:net';

const MAPPED = '::ffff:';
const HEXTETS = 8;
const BITS = 16;

/**
 * The key of a client address. An IPv6 address stands for its network, because a client has 2^64 of them; an IPv4
 * address that came in over an IPv6 socket is the same client as without.
 */
export function addressKey(address: string | undefined, ipv6PrefixLength: number): string {
  if (address === undefined) return 'unknown';
  if (!address.includes(':')) return address;
  if (address.startsWith(MAPPED) && address.includes('.')) return address.slice(MAPPED.length);
  const zone = address.indexOf('%');
  const bare = zone < 0 ? address : address.slice(0, zone);
  return isIPv6(bare) ? network(hextetsOf(bare), ipv6PrefixLength) : address;
}

function hextetsOf(address: string): number[] {
  const [left, right] = address.split('::') as [string, string?];
  const head = numbersOf(left);
  const tail = right === undefined ? [] : numbersOf(right);
  return [...head, ...Array.from({ length: HEXTETS - head.length - tail.length }, () => 0), ...tail];
}

function numbersOf(part: string): number[] {
  return part
    .split(':')
    .filter(Boolean)
    .flatMap((group) => {
      if (!group.includes('.')) return [Number.parseInt(group, 16)];
      const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
      return [(a << 8) | b, (c << 8) | d];
    });
}

function network(hextets: number[], prefixLength: number): string {
  const [, , , , , marker = 0, high = 0, low = 0] = hextets;
  if (marker === 0xffff && hextets.slice(0, 5).every((hextet) => hextet === 0)) {
    return [high >> 8, high & 255, low >> 8, low & 255].join('.');
  }
  const masked = hextets.map((hextet, i) => {
    const bits = Math.min(BITS, Math.max(0, prefixLength - i * BITS));
    return hextet & (0xffff << (BITS - bits)) & 0xffff;
  });
  return `${masked.map((hextet) => hextet.toString(16)).join(':')}/${prefixLength}`;
}
