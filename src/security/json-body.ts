import { isUtf8 } from 'node:buffer';
import { ProblemException } from '../common/index.js';

/**
 * The JSON value in a request body, read alike on both adapters. Bytes that are not UTF-8 are refused: the parsers of
 * both adapters would silently replace them.
 *
 * @throws ProblemException `INVALID_ENCODING` or `MALFORMED_JSON`
 */
export function parseJsonBody(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  if (!isUtf8(body)) {
    throw new ProblemException('INVALID_ENCODING', 'JSON is sent as UTF-8 (RFC 8259, section 8.1).');
  }
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new ProblemException('MALFORMED_JSON', 'The body cannot be parsed as JSON.', { cause });
  }
}
