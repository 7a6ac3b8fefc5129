/** A body that the handler gets as a stream instead of a value. @publicApi */
export interface StreamedBody {
  /** Media type, or a range such as `image/*`. */
  type: string;
  as: 'stream';
}

/** How a body is read. `multipart` is left to multer or @fastify/multipart. */
export type BodyKind = 'json' | 'form' | 'text' | 'multipart' | 'bytes' | 'stream';

/** An accepted media type, or a range of them. */
export interface MediaRange {
  readonly range: string;
  /** Whether bodies of this type are never completely in memory. */
  readonly isStream: boolean;
  readonly as?: 'stream';
}

const MEDIA_TYPE = /^[\w!#$&^.+'-]+\/[\w!#$&^.+'-]+$/;
const MEDIA_RANGE = /^(?:\*|[\w!#$&^.+'-]+)\/(?:\*|[\w!#$&^.+'-]+)$/;
const JSON_SUFFIX = /^application\/[\w!#$&^.+-]+\+json$/;
const MULTIPART = 'multipart/form-data';

/** @throws RangeError if it is no media type */
export function parseMediaRange(accepted: string | StreamedBody): MediaRange {
  const { type, as }: { type: string; as?: 'stream' } = typeof accepted === 'string' ? { type: accepted } : accepted;
  const range = type.toLowerCase();
  if (!MEDIA_RANGE.test(range)) {
    throw new RangeError(`"${type}" is not a media type such as text/csv or image/*, without parameters`);
  }
  return { range, isStream: as === 'stream' || range === MULTIPART, ...(as && { as }) };
}

/** Returns how a body with this `Content-Type` is read. Undefined if it is not accepted. */
export function findBodyKind(contentType: string, accepted: readonly MediaRange[]): BodyKind | undefined {
  const end = contentType.indexOf(';');
  const type = (end === -1 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
  if (!MEDIA_TYPE.test(type)) return undefined;
  const match = accepted.find(({ range }) => isInRange(type, range));
  return match && (match.as ?? getKind(type));
}

/** `application/json` includes the types with the suffix `+json` (RFC 6839). */
function isInRange(type: string, range: string): boolean {
  if (range === type || range === '*/*') return true;
  if (range.endsWith('/*')) return type.startsWith(range.slice(0, -1));
  return range === 'application/json' && JSON_SUFFIX.test(type);
}

function getKind(type: string): BodyKind {
  if (type === 'application/json' || JSON_SUFFIX.test(type)) return 'json';
  if (type === 'application/x-www-form-urlencoded') return 'form';
  if (type === MULTIPART) return 'multipart';
  return type.startsWith('text/') ? 'text' : 'bytes';
}
