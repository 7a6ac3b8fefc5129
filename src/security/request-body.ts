import type { IncomingHttpHeaders } from 'node:http';
import { ProblemException } from '../problem/index.js';
import { mayHoldControlCharacters, withoutControlCharacters } from './control-characters.js';
import { parseFormText } from './form-body.js';
import { decodeBody, parseJsonText } from './json-body.js';
import type { SecuritySettings } from './security.options.js';

const FORM_TYPE = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;
const JSON_TYPES = /^application\/(?:json|[\w!#$&^.+-]+\+json)\s*(?:;|$)/i;
const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]*)/i;
const READABLE_CHARSETS = new Set(['utf-8', 'utf8', 'us-ascii']);

/** Methods whose bodies mean nothing (RFC 9110, section 9.3.1); Fastify leaves them unread, and so does Express here. */
const BODYLESS_METHODS = new Set(['GET', 'HEAD', 'TRACE']);

interface BodiedRequest {
  readonly method?: string;
  readonly headers: IncomingHttpHeaders;
}

export function mayHaveBody({ method = '' }: BodiedRequest): boolean {
  return !BODYLESS_METHODS.has(method);
}

/**
 * Why a request's body is not read, if so. Both adapters refuse what they cannot parse in their own way, or not at all.
 * Compressed bodies are refused: a few kilobytes of them can unfold to gigabytes.
 */
export function bodyRefusal(request: BodiedRequest): ProblemException | undefined {
  const { headers } = request;
  if (!mayHaveBody(request)) return undefined;
  if (headers['transfer-encoding'] === undefined && !(Number(headers['content-length'] ?? 0) > 0)) return undefined;
  const coding = headers['content-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'identity') {
    return unsupported('Send the body uncompressed.', { 'Accept-Encoding': 'identity' });
  }
  const type = headers['content-type'];
  if (type === undefined) {
    return unsupported('Send the body as application/json; the request names no Content-Type.');
  }
  if (!JSON_TYPES.test(type) && !FORM_TYPE.test(type)) return unsupported('Send the body as application/json.');
  const charset = CHARSET.exec(type)?.[1];
  if (charset !== undefined && !READABLE_CHARSETS.has(charset.toLowerCase())) {
    return unsupported('Send the body in UTF-8.');
  }
  return undefined;
}

/**
 * Parses a body whose type {@link bodyRefusal} let pass.
 *
 * @param onStripped told when control characters were taken out
 * @throws ProblemException
 */
export function parseBody(
  headers: IncomingHttpHeaders,
  body: Buffer,
  { limits, controlCharacters }: SecuritySettings,
  onStripped: () => void,
): unknown {
  if (body.length === 0) return undefined;
  const text = decodeBody(body);
  if (FORM_TYPE.test(headers['content-type'] ?? '')) {
    return withoutControlCharacters(parseFormText(text, limits.formFields), controlCharacters, onStripped);
  }
  const value = parseJsonText(body, text, limits);
  return mayHoldControlCharacters(text) ? withoutControlCharacters(value, controlCharacters, onStripped) : value;
}

function unsupported(detail: string, headers = { Accept: 'application/json' } as Record<string, string>) {
  return new ProblemException('UNSUPPORTED_MEDIA_TYPE', detail, { headers });
}
