import { isSecretName, normalizeName, REDACTED, redactSecrets } from '../common/index.js';

/** Longest text of a client that is stored, in characters. */
const MAXIMUM_TEXT = 512;
const MAXIMUM_METADATA_TEXT = 2_048;
const MAXIMUM_DEPTH = 6;
const MAXIMUM_ITEMS = 100;
/** Of all values of an event's metadata: what is wide and deep at once, or refers to itself, comes to an end. */
const MAXIMUM_VALUES = 1_000;
/** Of all metadata of an event, in characters of JSON. */
const MAXIMUM_METADATA = 16_384;

/** Longest secret of the suite with a fixed form, in characters. */
const MAXIMUM_SECRET = 128;

const MAXIMUM_KNOWN = 1_000;

/** Printable ASCII. */
const PRINTABLE = /^[\x20-\x7e]*$/;

/** Control characters, line ends, and those that turn the direction of text, so that it shows as another than it is. */
const UNSAFE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** Only from the beginning of a name: an attempt at each of its characters would take quadratic time. */
const EMAIL = /(?<![\w.%+-])([\w.%+-])[\w.%+-]*@((?:[\w-]+\.)+[\w-]+)/g;

export interface RedactionRules {
  readonly redact: readonly string[];
  readonly redactEmails: boolean;
}

/**
 * Makes of what is reported what may be stored: without secrets, limited in size, as text that neither forges lines
 * where it is read nor is refused by PostgreSQL.
 */
export class Redaction {
  private readonly names: ReadonlySet<string>;
  /** The same names come again and again. Bounded, because a client may choose them. */
  private readonly known = new Map<string, boolean>();

  constructor(private readonly rules: RedactionRules) {
    this.names = new Set(rules.redact.map(normalizeName));
  }

  /** A text of the event itself: cut to size, control characters replaced. */
  text(text: string): string;
  text(text: string | null | undefined): string | undefined;
  text(text: string | null | undefined): string | undefined {
    // A principal of another guard may have null where ours have nothing.
    return text == null ? undefined : this.clean(text, MAXIMUM_TEXT);
  }

  /** What may be stored of metadata, as JSON. */
  metadata(metadata: Readonly<Record<string, unknown>> | undefined): string {
    if (metadata === undefined) return '{}';
    const json = JSON.stringify(this.value(metadata, 0, { left: MAXIMUM_VALUES }));
    return json.length <= MAXIMUM_METADATA ? json : JSON.stringify({ truncated: true, size: json.length });
  }

  private value(value: unknown, depth: number, budget: { left: number }): unknown {
    if (budget.left-- <= 0) return undefined;
    if (typeof value === 'string') return this.clean(value, MAXIMUM_METADATA_TEXT);
    if (typeof value === 'bigint') return value.toString();
    if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
    if (value === null || typeof value === 'boolean') return value;
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
    if (typeof value !== 'object') return undefined;
    if (depth >= MAXIMUM_DEPTH) return '[too deep]';
    if (Array.isArray(value))
      return value.slice(0, MAXIMUM_ITEMS).map((item) => this.value(item, depth + 1, budget) ?? null);
    // Without a prototype, so that `__proto__` is a name like any other.
    const cleaned = Object.create(null) as Record<string, unknown>;
    let left = MAXIMUM_ITEMS;
    for (const [name, inner] of Object.entries(value)) {
      if (left-- === 0) break;
      cleaned[this.clean(name, MAXIMUM_TEXT)] = this.isSecret(name) ? REDACTED : this.value(inner, depth + 1, budget);
    }
    return cleaned;
  }

  private isSecret(name: string): boolean {
    let isSecret = this.known.get(name);
    if (isSecret === undefined) {
      isSecret = isSecretName(name) || this.names.has(normalizeName(name));
      if (this.known.size < MAXIMUM_KNOWN && name.length <= MAXIMUM_TEXT) this.known.set(name, isSecret);
    }
    return isSecret;
  }

  private clean(text: string, maximum: number): string {
    // A secret that the limit would cut has to be recognised first.
    const cut = text.length <= maximum ? text : text.slice(0, maximum + MAXIMUM_SECRET);
    const harmless = redactSecrets(PRINTABLE.test(cut) ? cut : cut.toWellFormed().replace(UNSAFE, '?'));
    const stored = this.rules.redactEmails ? harmless.replace(EMAIL, '$1***@$2') : harmless;
    return stored.length <= maximum ? stored : stored.slice(0, maximum).toWellFormed();
  }
}
