import { parseAddress } from '../context/index.js';

const HEXTETS = 8;
const BITS = 16;
/** All clients without a valid address share one key. */
const UNKNOWN = 'unknown';

/**
 * The key of a client address. An IPv6 address is counted as its network, because one client usually has a network of
 * 2^64 addresses.
 */
export function addressKey(address: string | undefined, ipv6PrefixLength: number): string {
  const parsed = parseAddress(address);
  if (parsed === undefined) return UNKNOWN;
  return parsed.includes(':') ? network(hextetsOf(parsed), ipv6PrefixLength) : parsed;
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
  const masked = hextets.map((hextet, i) => {
    const bits = Math.min(BITS, Math.max(0, prefixLength - i * BITS));
    return hextet & (0xffff << (BITS - bits)) & 0xffff;
  });
  return `${masked.map((hextet) => hextet.toString(16)).join(':')}/${prefixLength}`;
}
