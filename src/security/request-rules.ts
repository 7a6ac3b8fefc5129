import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { ProblemException, type ErrorCode } from '../problem/index.js';
import { createReservedKeyProblem, reachesPrototype } from '../validation/index.js';
import type { SecuritySettings } from './security.options.js';

/** Header fields that a request may have only once. If there are two, Node uses the first, and a proxy may use the last. */
const SINGLE_FIELDS = new Set([
  'host',
  'content-type',
  'authorization',
  'content-length',
  'transfer-encoding',
  'origin',
]);
const MAX_SINGLE_FIELD_LENGTH = 'transfer-encoding'.length;

/** RFC 9110, section 7.2: a name or an address, and an optional port. */
const HOST = /^(?:[\w.~!$&'()*+,;=%-]{0,255}|\[[\da-f:.]{2,45}\])(?::\d{0,5})?$/i;

/** Percent-encoded C0 characters and DEL. In a query, tab and line breaks are allowed. */
const CONTROL_IN_PATH = /%(?:[01][\da-f]|7f)/i;
const CONTROL_IN_QUERY = /%(?:0[0-8bcef]|1[\da-f]|7f)/i;

type CheckedRequest = Pick<IncomingMessage, 'method' | 'url' | 'rawHeaders' | 'headers' | 'httpVersion' | 'socket'>;

/** A rejected request: the violated rule, and the response. */
export interface Refusal {
  readonly rule: 'request_shape' | 'control_characters' | 'reserved_keys';
  readonly problem: ProblemException;
}

/**
 * Rejects requests that two servers may parse differently (request smuggling, RFC 9112, section 11.2), and requests that
 * exceed a limit. Node's parser has already rejected malformed HTTP.
 */
export class RequestRules {
  private readonly methods: ReadonlySet<string>;
  private readonly allow: string;
  /**
   * Connections with an ambiguous request. Node may already have parsed the data after it as another request, and emits
   * that request before it closes the connection.
   */
  private readonly ambiguousSockets = new WeakSet<Socket>();

  constructor(private readonly settings: SecuritySettings) {
    this.methods = new Set(settings.methods);
    this.allow = settings.methods.join(', ');
  }

  getRefusal(request: CheckedRequest): Refusal | undefined {
    const ambiguity = this.getAmbiguity(request);
    if (ambiguity !== undefined) {
      this.ambiguousSockets.add(request.socket);
      const headers = { Connection: 'close' };
      return { rule: 'request_shape', problem: new ProblemException('BAD_REQUEST', ambiguity, { headers }) };
    }
    const problem = this.getShapeProblem(request);
    if (problem) return { rule: 'request_shape', problem };
    return this.getTargetRefusal(request.url ?? '/') ?? this.getControlCharacterRefusal(request.url ?? '/');
  }

  /** Returns a reason if another server may see another end or another target of this request. */
  private getAmbiguity({ rawHeaders, headers, httpVersion, socket }: CheckedRequest): string | undefined {
    if (this.ambiguousSockets.has(socket)) return 'The previous request on this connection was ambiguous.';
    if (httpVersion !== '1.1' && httpVersion !== '1.0') return 'Send HTTP/1.1.';
    const repeated = findRepeatedField(rawHeaders);
    if (repeated !== undefined) return `Send the header ${repeated} once.`;
    const coding = headers['transfer-encoding'];
    if (coding !== undefined && (coding.toLowerCase() !== 'chunked' || httpVersion === '1.0')) {
      return 'Send the body with a Content-Length, or chunked.';
    }
    // Node rejects a missing Host itself, unless `requireHostHeader` is off. Then this check is needed.
    if (headers.host === undefined && httpVersion === '1.1') return 'Send the header Host.';
    return headers.host !== undefined && !HOST.test(headers.host) ? 'The header Host is not valid.' : undefined;
  }

  private getShapeProblem({ method = '', rawHeaders }: CheckedRequest): ProblemException | undefined {
    if (!this.methods.has(method)) {
      return new ProblemException('METHOD_NOT_ALLOWED', `Use one of the methods ${this.allow}.`, {
        headers: { Allow: this.allow },
      });
    }
    if (rawHeaders.length > 2 * this.settings.limits.headers) {
      return new ProblemException('HEADERS_TOO_LARGE', `Send at most ${this.settings.limits.headers} header fields.`);
    }
    return undefined;
  }

  private getTargetRefusal(target: string): Refusal | undefined {
    const { urlLength, queryParameters, repeatedParameters } = this.settings.limits;
    if (target.length > urlLength) {
      return createShapeRefusal('URI_TOO_LONG', `The request target is longer than ${urlLength} characters.`);
    }
    const query = target.indexOf('?');
    if (query === -1) return undefined;
    const names = readParameterNames(target.slice(query + 1));
    if (names.length > queryParameters) {
      return createShapeRefusal('VALIDATION_FAILED', `Send at most ${queryParameters} query parameters.`);
    }
    if (names.length > repeatedParameters && countMostFrequent(names) > repeatedParameters) {
      return createShapeRefusal('VALIDATION_FAILED', `Send each query parameter at most ${repeatedParameters} times.`);
    }
    const reserved = names.find((name) => reachesPrototype(name, undefined) || this.settings.reservedNames.has(name));
    return reserved === undefined ? undefined : { rule: 'reserved_keys', problem: createReservedKeyProblem(reserved) };
  }

  private getControlCharacterRefusal(target: string): Refusal | undefined {
    if (this.settings.controlCharacters === 'allow' || !target.includes('%')) return undefined;
    const query = target.indexOf('?');
    const path = query === -1 ? target : target.slice(0, query);
    // Characters are never removed from a path, because the path would name another resource.
    if (CONTROL_IN_PATH.test(path)) return createCharacterRefusal('The path contains a control character.');
    if (query === -1 || this.settings.controlCharacters === 'strip') return undefined;
    return CONTROL_IN_QUERY.test(target)
      ? createCharacterRefusal('The query contains a control character.')
      : undefined;
  }

  /** Removes control characters from the query of a target, if the rule is `strip`. */
  stripControlCharacters(target: string): string {
    if (this.settings.controlCharacters !== 'strip' || !CONTROL_IN_QUERY.test(target)) return target;
    return target.replaceAll(new RegExp(CONTROL_IN_QUERY, 'gi'), '');
  }
}

function createShapeRefusal(code: ErrorCode, detail: string): Refusal {
  return { rule: 'request_shape', problem: new ProblemException(code, detail) };
}

function createCharacterRefusal(detail: string): Refusal {
  return { rule: 'control_characters', problem: new ProblemException('MALFORMED_URL', detail) };
}

function findRepeatedField(rawHeaders: readonly string[]): string | undefined {
  let seen: Set<string> | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const field = rawHeaders[i] ?? '';
    if (field.length > MAX_SINGLE_FIELD_LENGTH) continue;
    const name = field.toLowerCase();
    if (!SINGLE_FIELDS.has(name)) continue;
    if (seen?.has(name)) return field;
    (seen ??= new Set()).add(name);
  }
  return undefined;
}

function readParameterNames(query: string): string[] {
  if (query === '') return [];
  return query.split('&').map((parameter) => {
    const end = parameter.indexOf('=');
    const name = end === -1 ? parameter : parameter.slice(0, end);
    return name.includes('%') || name.includes('+') ? decodeName(name) : name;
  });
}

function decodeName(name: string): string {
  try {
    return decodeURIComponent(name.replaceAll('+', ' '));
  } catch {
    return name;
  }
}

function countMostFrequent(names: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Math.max(...counts.values());
}
