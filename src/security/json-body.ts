import { isUtf8 } from 'node:buffer';
import { ProblemException } from '../common/index.js';
import { refuseReservedKeys } from './reserved-keys.js';

/** Deeper values make the recursion of class-transformer and class-validator run out of stack. */
const MAXIMUM_DEPTH = 64;

const [QUOTE, BACKSLASH, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = Buffer.from('"\\[]{}');

/**
 * The JSON value in a request body, read alike on both adapters. Bytes that are not UTF-8 are refused: the parsers of
 * both adapters would silently replace them.
 *
 * @throws ProblemException `INVALID_ENCODING`, `MALFORMED_JSON`, `JSON_TOO_DEEP`, or `VALIDATION_FAILED` for reserved keys
 */
export function parseJsonBody(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  const text = decodeBody(body);
  if (isTooDeep(body)) {
    throw new ProblemException('JSON_TOO_DEEP', `Nest arrays and objects at most ${MAXIMUM_DEPTH} deep.`);
  }
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

/** Counts brackets outside strings. What is not JSON at all is left to the parser. */
function isTooDeep(body: Buffer): boolean {
  if (body.length < 2 * MAXIMUM_DEPTH) return false;
  let depth = 0;
  let isInString = false;
  for (let i = 0; i < body.length; i++) {
    const byte = body[i];
    if (isInString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) isInString = true;
    else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      if (++depth > MAXIMUM_DEPTH) return true;
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) depth--;
  }
  return false;
}
