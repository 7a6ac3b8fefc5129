import type { IncomingHttpHeaders } from 'node:http';
import { ProblemException } from '../problem/index.js';
import { mayHoldControlCharacters, applyControlCharacterRule } from './control-characters.js';
import { parseFormText } from './form-body.js';
import { decodeBody, parseJsonText } from './json-body.js';
import type { SecuritySettings } from './security.options.js';

const FORM_TYPE = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;
const JSON_TYPES = /^application\/(?:json|[\w!#$&^.+-]+\+json)\s*(?:;|$)/i;
const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]*)/i;
const READABLE_CHARSETS = new Set(['utf-8', 'utf8', 'us-ascii']);

/** Methods whose bodies have no meaning (RFC 9110, section 9.3.1). They are not read, on both adapters. */
const BODYLESS_METHODS = new Set(['GET', 'HEAD', 'TRACE']);

interface RequestWithBody {
  readonly method?: string;
  readonly headers: IncomingHttpHeaders;
}

export function mayHaveBody({ method = '' }: RequestWithBody): boolean {
  return !BODYLESS_METHODS.has(method);
}

/**
 * Returns a problem if the body must not be read, because of its headers. The adapters alone would respond differently.
 * Compressed bodies are rejected, because a few kilobytes can expand to gigabytes.
 */
export function getBodyProblem(request: RequestWithBody): ProblemException | undefined {
  const { headers } = request;
  if (!mayHaveBody(request)) return undefined;
  if (headers['transfer-encoding'] === undefined && !(Number(headers['content-length'] ?? 0) > 0)) return undefined;
  const coding = headers['content-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'identity') {
    return createUnsupportedProblem('Send the body uncompressed.', { 'Accept-Encoding': 'identity' });
  }
  const type = headers['content-type'];
  if (type === undefined) {
    return createUnsupportedProblem('Send the body as application/json; the request names no Content-Type.');
  }
  if (!JSON_TYPES.test(type) && !FORM_TYPE.test(type))
    return createUnsupportedProblem('Send the body as application/json.');
  const charset = CHARSET.exec(type)?.[1];
  if (charset !== undefined && !READABLE_CHARSETS.has(charset.toLowerCase())) {
    return createUnsupportedProblem('Send the body in UTF-8.');
  }
  return undefined;
}

/**
 * Parses a body for which {@link getBodyProblem} has returned no problem.
 *
 * @param onStripped called if control characters were removed
 * @throws ProblemException
 */
export function parseBody(
  headers: IncomingHttpHeaders,
  body: Buffer,
  { limits, controlCharacters, reservedNames }: SecuritySettings,
  onStripped: () => void,
): unknown {
  if (body.length === 0) return undefined;
  const text = decodeBody(body);
  if (FORM_TYPE.test(headers['content-type'] ?? '')) {
    return applyControlCharacterRule(
      parseFormText(text, limits.formFields, reservedNames),
      controlCharacters,
      onStripped,
    );
  }
  const value = parseJsonText(body, text, limits, reservedNames);
  return mayHoldControlCharacters(text) ? applyControlCharacterRule(value, controlCharacters, onStripped) : value;
}

function createUnsupportedProblem(detail: string, headers = { Accept: 'application/json' } as Record<string, string>) {
  return new ProblemException('UNSUPPORTED_MEDIA_TYPE', detail, { headers });
}
