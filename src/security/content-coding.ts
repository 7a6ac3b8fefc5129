import * as zlib from 'node:zlib';

export type ContentCoding = 'zstd' | 'br' | 'gzip' | 'identity';

/** Node has Zstandard from 22.15 and 23.8. */
export const HAS_ZSTD = 'createZstdCompress' in zlib;

/** Among equals: Zstandard packs about as well as Brotli at the qualities used here, in a fraction of the time. */
const PREFERENCE: readonly (readonly [coding: Exclude<ContentCoding, 'identity'>, ...aliases: string[]])[] = [
  ...(HAS_ZSTD ? ([['zstd']] as const) : []),
  ['br'],
  ['gzip', 'x-gzip'],
];

const REMEMBERED = new Map<string, ContentCoding>();
const MAXIMUM_REMEMBERED = 256;

/**
 * The coding of a response, by the client's `Accept-Encoding` (RFC 9110, section 12.5.3): the one it weighs highest, by
 * our preference among equals. There are few such headers, so the answers are kept.
 */
export function contentCoding(acceptEncoding: string): ContentCoding {
  const known = REMEMBERED.get(acceptEncoding);
  if (known) return known;
  const chosen = choose(acceptEncoding.toLowerCase());
  if (REMEMBERED.size < MAXIMUM_REMEMBERED) REMEMBERED.set(acceptEncoding, chosen);
  return chosen;
}

function choose(acceptEncoding: string): ContentCoding {
  const weights = new Map(acceptEncoding.split(',').map(weightOf));
  const weight = (...names: readonly string[]) =>
    names.map((name) => weights.get(name)).find((q) => q !== undefined) ?? 0;
  let best: ContentCoding = 'identity';
  let highest = 0;
  for (const names of PREFERENCE) {
    const q = weight(...names, '*');
    if (q > highest) [best, highest] = [names[0], q];
  }
  return weight('identity') > highest ? 'identity' : best;
}

/** A weight that cannot be read is none: what is unclear is not used. */
function weightOf(item: string): [coding: string, weight: number] {
  const [coding = '', ...parameters] = item.split(';').map((part) => part.trim());
  const q = parameters.find((parameter) => parameter.startsWith('q='));
  return [coding, q === undefined ? 1 : Number(q.slice(2)) || 0];
}
