import { isIPv4, isIPv6, SocketAddress } from 'node:net';

const MAPPED_PREFIX = '::ffff:';
/** Longest text that can hold an address: a full IPv6 address with an embedded IPv4 address, zone, brackets and port. */
const MAX_TEXT_LENGTH = 100;
const IPV4_WITH_PORT = /^([\d.]{7,15}):\d{1,5}$/;
const IPV6_IN_BRACKETS = /^\[([^\]]+)\](?::\d{1,5})?$/;

/**
 * The address in a text that a socket or a proxy gives for a client, in one canonical form. Understands
 * `203.0.113.9:5000`, `[2001:db8::1]:5000` and `[2001:db8::1]`, which Azure Application Gateway and other proxies write.
 * The port and the zone (`%eth0`) are dropped, an IPv4-mapped IPv6 address becomes the IPv4 address, and an IPv6 address
 * is written as in RFC 5952.
 *
 * @returns undefined for a text that is no address, such as `unknown` or the obfuscated `_hidden` of RFC 7239
 * @publicApi
 */
export function parseAddress(text: string | undefined): string | undefined {
  if (text === undefined || text.length > MAX_TEXT_LENGTH) return undefined;
  if (isIPv4(text)) return text;
  const trimmed = text.trim();
  const [, ipv4 = trimmed] = IPV4_WITH_PORT.exec(trimmed) ?? [];
  if (isIPv4(ipv4)) return ipv4;
  const [, ipv6 = trimmed] = IPV6_IN_BRACKETS.exec(trimmed) ?? [];
  const [address = ''] = ipv6.split('%', 1);
  return isIPv6(address) ? canonical(address) : undefined;
}

function canonical(ipv6: string): string {
  const { address } = new SocketAddress({ address: ipv6, family: 'ipv6' });
  const mapped = address.startsWith(MAPPED_PREFIX) ? address.slice(MAPPED_PREFIX.length) : '';
  return isIPv4(mapped) ? mapped : address;
}

/** What tells the address of a client: the request of either adapter. */
interface AddressedRequest {
  readonly ip?: string | undefined;
  /** Node's own request, where the adapter wraps it. */
  readonly raw?: object | undefined;
}

const ADDRESS = Symbol('bulwark.clientAddress');
type Remembered = { [ADDRESS]?: string | null };

/**
 * The address of the client of a request, found through the trusted proxies only. It is parsed once for each request;
 * limits, address lists, audit events, sessions and logs all use this value.
 *
 * @returns undefined where the adapter gives no address, or something that is none
 * @publicApi
 */
export function clientAddressOf(request: AddressedRequest): string | undefined {
  const owner = (request.raw ?? request) as Remembered;
  if (owner[ADDRESS] === undefined) owner[ADDRESS] = parseAddress(request.ip) ?? null;
  return owner[ADDRESS] ?? undefined;
}
