import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { ProblemException } from '../problem/index.js';
import type { SecuritySettings } from './security.options.js';

/** Fields that a request has once. Node keeps the first of two, the proxy in front maybe the last. */
const SINGLE_FIELDS = new Set([
  'host',
  'content-type',
  'authorization',
  'content-length',
  'transfer-encoding',
  'origin',
]);
const MAX_SINGLE_FIELD_LENGTH = 'transfer-encoding'.length;

/** RFC 9110, section 7.2: a name or an address, and a port. */
const HOST = /^(?:[\w.~!$&'()*+,;=%-]{0,255}|\[[\da-f:.]{2,45}\])(?::\d{0,5})?$/i;

/** Escapes of C0 and DEL; in a query, tab and line breaks are text. */
const CONTROL_IN_PATH = /%(?:[01][\da-f]|7f)/i;
const CONTROL_IN_QUERY = /%(?:0[0-8bcef]|1[\da-f]|7f)/i;

type Shaped = Pick<IncomingMessage, 'method' | 'url' | 'rawHeaders' | 'headers' | 'httpVersion' | 'socket'>;

/** What a refusal is counted as. */
export interface Refusal {
  readonly rule: 'request_shape' | 'control_characters';
  readonly problem: ProblemException;
}

/**
 * Refuses requests that two servers may read differently (request smuggling, RFC 9112, section 11.2), and those that are
 * larger in some way than any honest one. What is not HTTP at all, Node's parser has refused before.
 */
export class RequestRules {
  private readonly methods: ReadonlySet<string>;
  private readonly allow: string;
  /**
   * Connections with a request whose end is in doubt. What was sent along with it has been read by then, and Node hands
   * it out before it closes the connection.
   */
  private readonly doubtful = new WeakSet<Socket>();

  constructor(private readonly settings: SecuritySettings) {
    this.methods = new Set(settings.methods);
    this.allow = settings.methods.join(', ');
  }

  refusalOf(request: Shaped): Refusal | undefined {
    const doubt = this.doubtOf(request);
    if (doubt !== undefined) {
      this.doubtful.add(request.socket);
      const headers = { Connection: 'close' };
      return { rule: 'request_shape', problem: new ProblemException('BAD_REQUEST', doubt, { headers }) };
    }
    const problem = this.shapeProblem(request) ?? this.targetProblem(request.url ?? '/');
    if (problem) return { rule: 'request_shape', problem };
    return this.controlCharacters(request.url ?? '/');
  }

  /** Why another server may see this request end, or go, somewhere else. */
  private doubtOf({ rawHeaders, headers, httpVersion, socket }: Shaped): string | undefined {
    if (this.doubtful.has(socket)) return 'The request before this one on the connection was ambiguous.';
    if (httpVersion !== '1.1' && httpVersion !== '1.0') return 'Send HTTP/1.1.';
    const repeated = repeatedField(rawHeaders);
    if (repeated !== undefined) return `Send the header ${repeated} once.`;
    const coding = headers['transfer-encoding'];
    if (coding !== undefined && (coding.toLowerCase() !== 'chunked' || httpVersion === '1.0')) {
      return 'Send the body with a Content-Length, or chunked.';
    }
    // Node answers this one by itself, unless it is told not to, and then hands out the request behind it.
    if (headers.host === undefined && httpVersion === '1.1') return 'Send the header Host.';
    return headers.host !== undefined && !HOST.test(headers.host) ? 'The header Host names no host.' : undefined;
  }

  private shapeProblem({ method = '', rawHeaders }: Shaped): ProblemException | undefined {
    if (!this.methods.has(method)) {
      return new ProblemException('METHOD_NOT_ALLOWED', `This API is served by ${this.allow}.`, {
        headers: { Allow: this.allow },
      });
    }
    if (rawHeaders.length > 2 * this.settings.limits.headers) {
      return new ProblemException('HEADERS_TOO_LARGE', `Send at most ${this.settings.limits.headers} header fields.`);
    }
    return undefined;
  }

  private targetProblem(target: string): ProblemException | undefined {
    const { urlLength, queryParameters, repeatedParameters } = this.settings.limits;
    if (target.length > urlLength) {
      return new ProblemException('URI_TOO_LONG', `The request target is longer than ${urlLength} characters.`);
    }
    const query = target.indexOf('?');
    if (query === -1) return undefined;
    const names = parameterNames(target.slice(query + 1));
    if (names.length > queryParameters) {
      return new ProblemException('VALIDATION_FAILED', `Send at most ${queryParameters} query parameters.`);
    }
    if (names.length > repeatedParameters && mostOften(names) > repeatedParameters) {
      return new ProblemException(
        'VALIDATION_FAILED',
        `Send each query parameter at most ${repeatedParameters} times.`,
      );
    }
    return undefined;
  }

  private controlCharacters(target: string): Refusal | undefined {
    if (this.settings.controlCharacters === 'allow' || !target.includes('%')) return undefined;
    const query = target.indexOf('?');
    const path = query === -1 ? target : target.slice(0, query);
    // Stripped from a path, they would make another resource of it.
    if (CONTROL_IN_PATH.test(path)) return refusedCharacters('The path holds a control character.');
    if (query === -1 || this.settings.controlCharacters === 'strip') return undefined;
    return CONTROL_IN_QUERY.test(target) ? refusedCharacters('The query holds a control character.') : undefined;
  }

  /** The target without control characters in its query, where that is the rule. */
  stripped(target: string): string {
    if (this.settings.controlCharacters !== 'strip' || !CONTROL_IN_QUERY.test(target)) return target;
    return target.replaceAll(new RegExp(CONTROL_IN_QUERY, 'gi'), '');
  }
}

function refusedCharacters(detail: string): Refusal {
  return { rule: 'control_characters', problem: new ProblemException('MALFORMED_URL', detail) };
}

function repeatedField(rawHeaders: readonly string[]): string | undefined {
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

function parameterNames(query: string): string[] {
  if (query === '') return [];
  return query.split('&').map((parameter) => {
    const end = parameter.indexOf('=');
    const name = end === -1 ? parameter : parameter.slice(0, end);
    return name.includes('%') || name.includes('+') ? decodedName(name) : name;
  });
}

function decodedName(name: string): string {
  try {
    return decodeURIComponent(name.replaceAll('+', ' '));
  } catch {
    return name;
  }
}

function mostOften(names: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Math.max(...counts.values());
}
