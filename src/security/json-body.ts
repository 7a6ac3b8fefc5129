import { isUtf8 } from 'node:buffer';
import { ProblemException } from '../problem/index.js';
import { refuseReservedKeys } from './reserved-keys.js';

export interface JsonLimits {
  /** Deeper values make the recursion of class-transformer and class-validator run out of stack. @default 64 */
  readonly jsonDepth: number;
  /** Each name costs class-transformer and class-validator far more than its bytes. @default 10000 */
  readonly jsonKeys: number;
}

const LIMITS: JsonLimits = { jsonDepth: 64, jsonKeys: 10_000 };

const [QUOTE, BACKSLASH, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT, COLON] = Buffer.from('"\\[]{}:');

/**
 * The JSON value in a request body, read alike on both adapters. Bytes that are not UTF-8 are refused: the parsers of
 * both adapters would silently replace them.
 *
 * @throws ProblemException `INVALID_ENCODING`, `MALFORMED_JSON`, `JSON_TOO_DEEP`, `JSON_TOO_MANY_KEYS`, or
 * `VALIDATION_FAILED` for reserved keys
 */
export function parseJsonBody(body: Buffer, limits: JsonLimits = LIMITS): unknown {
  if (body.length === 0) return undefined;
  return parseJsonText(body, decodeBody(body), limits);
}

/** The same of a body whose text is at hand. */
export function parseJsonText(body: Buffer, text: string, limits: JsonLimits): unknown {
  refuseUnwieldy(body, limits);
  const value = parse(text);
  refuseReservedKeys(value, text);
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

/** Counts brackets and colons outside strings. What is not JSON at all is left to the parser. */
function refuseUnwieldy(body: Buffer, { jsonDepth, jsonKeys }: JsonLimits): void {
  // Too short to be deep, and a name takes four bytes.
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
        throw new ProblemException('JSON_TOO_DEEP', `Nest arrays and objects at most ${jsonDepth} deep.`);
      }
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) depth--;
    else if (byte === COLON && ++keys > jsonKeys) {
      throw new ProblemException('JSON_TOO_MANY_KEYS', `Send at most ${jsonKeys} fields, over all objects.`);
    }
  }
}
