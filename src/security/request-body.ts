import type { IncomingHttpHeaders } from 'node:http';
import { ProblemException } from '../problem/index.js';
import type { BodyRules } from './body-rules.js';
import { mayHoldControlCharacters, applyControlCharacterRule } from './control-characters.js';
import { parseFormText } from './form-body.js';
import { decodeBody, parseJsonText } from './json-body.js';
import { findBodyKind, type BodyKind, type MediaRange } from './media-types.js';
import type { SecuritySettings } from './security.options.js';

const CHARSET = /;\s*charset\s*=\s*"?([^\s;"]*)/i;
const READABLE_CHARSETS = new Set(['utf-8', 'utf8', 'us-ascii']);
const TEXT_KINDS = new Set<BodyKind>(['json', 'form', 'text']);

/** Methods whose bodies have no meaning (RFC 9110, section 9.3.1). They are not read, on both adapters. */
const BODYLESS_METHODS = new Set(['GET', 'HEAD', 'TRACE']);

interface RequestWithBody {
  readonly method?: string;
  readonly headers: IncomingHttpHeaders;
}

/** Whether a request has a body that is read. */
export function hasBody({ method = '', headers }: RequestWithBody): boolean {
  if (BODYLESS_METHODS.has(method)) return false;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** A body that may be read: how, and with which content coding. */
export interface ReadableBody {
  readonly kind: BodyKind;
  readonly coding: string | undefined;
}

/**
 * Returns how a body must be read, by its headers. The adapters alone would respond differently.
 *
 * @throws ProblemException `UNSUPPORTED_MEDIA_TYPE` if it must not be read. Compressed bodies are refused unless an option
 * accepts them, because a few kilobytes can expand to gigabytes
 */
export function examineBody(
  { headers }: RequestWithBody,
  { accepted, codings }: SecuritySettings,
  rules: BodyRules | undefined,
): ReadableBody {
  const header = headers['content-encoding']?.toLowerCase();
  const coding = header === 'identity' ? undefined : header;
  if (coding !== undefined && !codings.has(coding)) {
    const names = ['identity', ...codings].join(', ');
    const detail =
      codings.size === 0 ? 'Send the body uncompressed.' : `Send the body with one of the codings ${names}.`;
    throw createUnsupportedProblem(detail, { 'Accept-Encoding': names });
  }
  const ranges = rules?.accepted ?? accepted;
  const type = headers['content-type'];
  const kind = type === undefined ? undefined : findBodyKind(type, ranges);
  if (kind === undefined) {
    const cause = type === undefined ? '; the request names no Content-Type' : '';
    throw createUnsupportedProblem(`Send the body as ${listTypes(ranges)}${cause}.`, { Accept: listTypes(ranges) });
  }
  if (kind === 'multipart' && coding !== undefined) {
    throw createUnsupportedProblem('Send files uncompressed.', { 'Accept-Encoding': 'identity' });
  }
  const charset = TEXT_KINDS.has(kind) ? CHARSET.exec(type ?? '')?.[1] : undefined;
  if (charset !== undefined && !READABLE_CHARSETS.has(charset.toLowerCase())) {
    throw createUnsupportedProblem('Send the body in UTF-8.', { Accept: listTypes(ranges) });
  }
  return { kind, coding };
}

/**
 * Parses a body that is completely in memory.
 *
 * @param onStripped called if control characters were removed
 * @throws ProblemException
 */
export function parseBody(
  kind: BodyKind,
  body: Buffer,
  { limits, controlCharacters, reservedNames }: SecuritySettings,
  onStripped: () => void,
): unknown {
  if (body.length === 0) return undefined;
  if (kind === 'bytes') return body;
  const text = decodeBody(body);
  if (kind === 'text') return applyControlCharacterRule(text, controlCharacters, onStripped);
  if (kind === 'form') {
    const fields = parseFormText(text, limits.formFields, reservedNames);
    return applyControlCharacterRule(fields, controlCharacters, onStripped);
  }
  const value = parseJsonText(body, text, limits, reservedNames);
  return mayHoldControlCharacters(text) ? applyControlCharacterRule(value, controlCharacters, onStripped) : value;
}

/** Forms are accepted beside JSON, but not recommended. */
function listTypes(ranges: readonly MediaRange[]): string {
  const names = ranges.map(({ range }) => range);
  const isForm = (name: string) => name === 'application/x-www-form-urlencoded' && names.includes('application/json');
  return names.filter((name) => !isForm(name)).join(', ');
}

function createUnsupportedProblem(detail: string, headers: Record<string, string>): ProblemException {
  return new ProblemException('UNSUPPORTED_MEDIA_TYPE', detail, { headers });
}
