import { isIPv4, isIPv6, SocketAddress } from 'node:net';

const MAPPED_PREFIX = '::ffff:';
/** Enough for a full IPv6 address with an embedded IPv4 address, zone, brackets and port. */
const MAX_TEXT_LENGTH = 100;
const IPV4_WITH_PORT = /^([\d.]{7,15}):\d{1,5}$/;
const IPV6_IN_BRACKETS = /^\[([^\]]+)\](?::\d{1,5})?$/;

/**
 * Parses the text that a socket or a proxy gives as the client's address, and returns the address in canonical form.
 * Azure Application Gateway and other proxies write `203.0.113.9:5000`, `[2001:db8::1]:5000` and `[2001:db8::1]`; these
 * forms are accepted. The port and the zone (`%eth0`) are removed. An IPv4-mapped IPv6 address becomes an IPv4 address.
 * An IPv6 address is written as in RFC 5952.
 *
 * @returns undefined if the text is not an address, such as `unknown` or the obfuscated `_hidden` of RFC 7239
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
  return isIPv6(address) ? toCanonicalAddress(address) : undefined;
}

function toCanonicalAddress(ipv6: string): string {
  const { address } = new SocketAddress({ address: ipv6, family: 'ipv6' });
  const mapped = address.startsWith(MAPPED_PREFIX) ? address.slice(MAPPED_PREFIX.length) : '';
  return isIPv4(mapped) ? mapped : address;
}

/** The part of an adapter's request that holds the client's address. */
interface RequestWithAddress {
  readonly ip?: string | undefined;
  /** Node's own request, if the adapter wraps it. */
  readonly raw?: object | undefined;
}

const ADDRESS = Symbol('bulwark.clientAddress');
type WithParsedAddress = { [ADDRESS]?: string | null };

/**
 * Returns the client's address. Only the headers of trusted proxies are used to find it. The address is parsed once for
 * each request. Rate limits, address lists, audit events, sessions and logs all use this value.
 *
 * @returns undefined if the adapter gives no valid address
 * @publicApi
 */
export function getClientAddress(request: RequestWithAddress): string | undefined {
  const rawRequest = (request.raw ?? request) as WithParsedAddress;
  if (rawRequest[ADDRESS] === undefined) rawRequest[ADDRESS] = parseAddress(request.ip) ?? null;
  return rawRequest[ADDRESS] ?? undefined;
}
