export type ContentCoding = 'br' | 'gzip' | 'identity';

const REMEMBERED = new Map<string, ContentCoding>();
const MAXIMUM_REMEMBERED = 256;

/**
 * The coding of a response, by the client's `Accept-Encoding` (RFC 9110, section 12.5.3): the one it weighs highest,
 * Brotli before gzip among equals. The compression libraries of the two adapters each read `*`, weights and aliases in
 * their own way; they are given this answer instead. There are few such headers, so the answers are kept.
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
  const weight = (...names: string[]) => names.map((name) => weights.get(name)).find((q) => q !== undefined) ?? 0;
  const [br, gzip] = [weight('br', '*'), weight('gzip', 'x-gzip', '*')];
  if (Math.max(br, gzip) === 0 || weight('identity') > Math.max(br, gzip)) return 'identity';
  return br >= gzip ? 'br' : 'gzip';
}

function weightOf(item: string): [coding: string, weight: number] {
  const [coding = '', ...parameters] = item.split(';').map((part) => part.trim());
  const q = parameters.find((parameter) => parameter.startsWith('q='));
  return [coding, q === undefined ? 1 : Number(q.slice(2)) || 0];
}
