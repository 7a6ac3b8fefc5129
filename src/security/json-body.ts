import { isUtf8 } from 'node:buffer';
import { ProblemException } from '../problem/index.js';
import { assertNoReservedKeys } from '../validation/index.js';

export interface JsonLimits {
  /** Maximum nesting. Deeper values would overflow the stack in class-transformer and class-validator. @default 64 */
  readonly jsonDepth: number;
  /** Maximum number of names. class-transformer and class-validator need much time for each name. @default 10000 */
  readonly jsonKeys: number;
}

const DEFAULT_LIMITS: JsonLimits = { jsonDepth: 64, jsonKeys: 10_000 };

const [QUOTE, BACKSLASH, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT, COLON] = Buffer.from('"\\[]{}:');

/**
 * Parses the JSON value of a request body, in the same way on both adapters. Bytes that are not UTF-8 are rejected; the
 * parsers of both adapters would silently replace them.
 *
 * @throws ProblemException `INVALID_ENCODING`, `MALFORMED_JSON`, `JSON_TOO_DEEP`, `JSON_TOO_MANY_KEYS`, or
 * `VALIDATION_FAILED` for reserved keys
 */
export function parseJsonBody(body: Buffer, limits: JsonLimits = DEFAULT_LIMITS): unknown {
  if (body.length === 0) return undefined;
  return parseJsonText(body, decodeBody(body), limits);
}

/** As {@link parseJsonBody}, for a body that is already decoded. */
export function parseJsonText(body: Buffer, text: string, limits: JsonLimits): unknown {
  assertWithinLimits(body, limits);
  const value = parse(text);
  assertNoReservedKeys(value, text);
  return value;
}

/** @throws ProblemException `INVALID_ENCODING` */
export function decodeBody(body: Buffer): string {
  if (!isUtf8(body)) {
    throw new ProblemException('INVALID_ENCODING', 'Send the body as UTF-8 (RFC 8259, section 8.1).');
  }
  return body.toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ProblemException('MALFORMED_JSON', 'The body cannot be parsed as JSON.', { cause });
  }
}

/** Counts brackets and colons outside strings. Invalid JSON is left to the parser. */
function assertWithinLimits(body: Buffer, { jsonDepth, jsonKeys }: JsonLimits): void {
  // The body is too short to exceed a limit: a level takes two bytes, and a name takes four bytes.
  if (body.length < 2 * jsonDepth && body.length < 4 * jsonKeys) return;
  let depth = 0;
  let keys = 0;
  let isInString = false;
  for (let i = 0; i < body.length; i++) {
    const byte = body[i];
    if (isInString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) isInString = true;
    else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      if (++depth > jsonDepth) {
        throw new ProblemException('JSON_TOO_DEEP', `Nest arrays and objects at most ${jsonDepth} levels deep.`);
      }
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) depth--;
    else if (byte === COLON && ++keys > jsonKeys) {
      throw new ProblemException('JSON_TOO_MANY_KEYS', `Send at most ${jsonKeys} fields in total.`);
    }
  }
}
