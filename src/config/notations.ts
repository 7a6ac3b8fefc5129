import { isIP } from 'node:net';
import { z } from 'zod';
import { checkCorsOrigin } from './cors-origins.js';
import { parseByteSize, parseDuration } from './units.js';

/** A text in a given notation, without outer space. The parser throws a RangeError whose message becomes the problem. */
export function parsed<T>(parse: (text: string) => T) {
  return z.string().transform((text, context): T => {
    try {
      return parse(text.trim());
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  });
}

export function choice<const T extends string>(...values: T[]) {
  return parsed((text): T => {
    const value = values.find((candidate) => candidate === text);
    if (value !== undefined) return value;
    throw new RangeError(`"${text}" is none of ${values.join(', ')}`);
  });
}

export function integer(minimum: number, maximum: number) {
  return parsed((text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= minimum && value <= maximum) return value;
    throw new RangeError(`"${text}" is not a whole number from ${minimum} to ${maximum}`);
  });
}

export const port = integer(0, 65_535);

/** An address or a host name. */
export const host = parsed((text) => {
  const name = text.replace(/^\[(.*)\]$/, '$1');
  if (isIP(name) !== 0 || /^[a-z\d](?:[a-z\d.-]*[a-z\d])?$/i.test(name)) return name;
  throw new RangeError(`"${text}" is neither an address, such as 127.0.0.1 or ::, nor a host name`);
});

export const flag = parsed((text) => {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new RangeError(`"${text}" is neither true nor false`);
});

/** Bounds in the notation of the variable, so that messages repeat them in it. */
function within(parse: (text: string) => number, minimum: string, maximum: string) {
  const [least, most] = [parse(minimum), parse(maximum)];
  return parsed((text) => {
    const value = parse(text);
    if (value >= least && value <= most) return value;
    throw new RangeError(`"${text}" is not from ${minimum} to ${maximum}`);
  });
}

/** The longest default is what a timer takes: past 2^31 ms (24.8 days) Node's fire at once. */
export const duration = (minimum = '1ms', maximum = '24d') => within(parseDuration, minimum, maximum);

export const size = (minimum: string, maximum: string) => within(parseByteSize, minimum, maximum);

export const email = z
  .string()
  .trim()
  .pipe(z.email({ error: 'is not an email address' }));

const PROXY_NAMES = new Set(['loopback', 'linklocal', 'uniquelocal']);

function isAddressOrRange(item: string): boolean {
  const slash = item.indexOf('/');
  const family = isIP(slash < 0 ? item : item.slice(0, slash));
  if (family === 0 || item.includes('%')) return false;
  if (slash < 0) return true;
  // A prefix of 0 is every address.
  const prefix = item.slice(slash + 1);
  return /^[1-9]\d{0,2}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
}

/** Hops or a list of addresses. `true` would trust everything that a client writes into X-Forwarded-For. */
export const trustProxy = parsed((text): number | string[] | false => {
  if (text === 'false' || text === '0') return false;
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  const items = text.split(',').map((item) => item.trim());
  const wrong = items.find((item) => !PROXY_NAMES.has(item) && !isAddressOrRange(item));
  if (wrong === undefined) return items;
  throw new RangeError(
    `"${wrong}" is refused; give the number of proxies in front (1), or their addresses (10.0.0.0/8,::1/128), never true`,
  );
});

const itemsOf = (text: string) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);

/** PEM keys, one after the other. */
export const pemKeys = parsed((text): string[] => text.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? []);

/** The TLS rule for the connection to one server. */
export const tls = choice('required', 'off');

/** Items separated by commas. */
export const list = parsed(itemsOf);

/** Addresses and networks. */
export const addresses = parsed((text): string[] => {
  const items = itemsOf(text);
  const wrong = items.find((item) => !isAddressOrRange(item));
  if (wrong === undefined) return items;
  throw new RangeError(`"${wrong}" is neither an address nor a network such as 10.0.0.0/8 or 2001:db8::/32`);
});

/** Origins, and patterns of them. */
export const origins = parsed((text): string[] => {
  const items = itemsOf(text);
  for (const item of items) checkCorsOrigin(item);
  return items;
});
