import { isSecretName, normalizeName, REDACTED, redactSecrets } from '../common/index.js';

/** Maximum length of a text from a client, in characters. */
const MAX_TEXT_LENGTH = 512;
const MAX_METADATA_TEXT_LENGTH = 2_048;
const MAX_DEPTH = 6;
const MAX_ITEMS = 100;
/** Maximum number of values in the metadata of an event. It also limits metadata that are wide, deep or circular. */
const MAX_VALUES = 1_000;
/** Maximum length of the metadata of an event as JSON. */
const MAX_METADATA_LENGTH = 16_384;

/** Length of the longest secret of the suite that has a recognizable form. */
const MAX_SECRET_LENGTH = 128;

const MAX_CACHED_NAMES = 1_000;

/** Printable ASCII. */
const PRINTABLE = /^[\x20-\x7e]*$/;

/** Control characters, line ends, and characters that change the direction of text and so disguise it. */
const UNSAFE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** The lookbehind allows a match only at the start of a name. Without it, matching would take quadratic time. */
const EMAIL = /(?<![\w.%+-])([\w.%+-])[\w.%+-]*@((?:[\w-]+\.)+[\w-]+)/g;

export interface RedactionRules {
  readonly redact: readonly string[];
  readonly redactEmails: boolean;
}

/**
 * Prepares the texts and metadata of events for storage. It removes secrets, limits the size, and replaces characters
 * that could forge log lines or that PostgreSQL rejects.
 */
export class Redaction {
  private readonly redactedNames: ReadonlySet<string>;
  /** Cache of results by name, because names repeat. Its size is limited, because clients may choose names. */
  private readonly isSecretByName = new Map<string, boolean>();

  constructor(private readonly rules: RedactionRules) {
    this.redactedNames = new Set(rules.redact.map(normalizeName));
  }

  /** Prepares a text of an event: limits its length and replaces control characters. */
  text(text: string): string;
  text(text: string | null | undefined): string | undefined;
  text(text: string | null | undefined): string | undefined {
    // A principal of a custom guard may contain null instead of undefined.
    return text == null ? undefined : this.clean(text, MAX_TEXT_LENGTH);
  }

  /** Prepares metadata, and returns them as JSON. */
  metadata(metadata: Readonly<Record<string, unknown>> | undefined): string {
    if (metadata === undefined) return '{}';
    const json = JSON.stringify(this.value(metadata, 0, { left: MAX_VALUES }));
    return json.length <= MAX_METADATA_LENGTH ? json : JSON.stringify({ truncated: true, size: json.length });
  }

  private value(value: unknown, depth: number, budget: { left: number }): unknown {
    if (budget.left-- <= 0) return undefined;
    if (typeof value === 'string') return this.clean(value, MAX_METADATA_TEXT_LENGTH);
    if (typeof value === 'bigint') return value.toString();
    if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
    if (value === null || typeof value === 'boolean') return value;
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
    if (typeof value !== 'object') return undefined;
    if (depth >= MAX_DEPTH) return '[too deep]';
    if (Array.isArray(value))
      return value.slice(0, MAX_ITEMS).map((item) => this.value(item, depth + 1, budget) ?? null);
    // The object has no prototype, so `__proto__` is an ordinary name.
    const cleaned = Object.create(null) as Record<string, unknown>;
    let left = MAX_ITEMS;
    for (const [name, inner] of Object.entries(value)) {
      if (left-- === 0) break;
      cleaned[this.clean(name, MAX_TEXT_LENGTH)] = this.isSecret(name)
        ? REDACTED
        : this.value(inner, depth + 1, budget);
    }
    return cleaned;
  }

  private isSecret(name: string): boolean {
    let isSecret = this.isSecretByName.get(name);
    if (isSecret === undefined) {
      isSecret = isSecretName(name) || this.redactedNames.has(normalizeName(name));
      if (this.isSecretByName.size < MAX_CACHED_NAMES && name.length <= MAX_TEXT_LENGTH)
        this.isSecretByName.set(name, isSecret);
    }
    return isSecret;
  }

  private clean(text: string, maxLength: number): string {
    // Secrets are searched beyond the limit, so a secret that the limit would cut is still recognized.
    const cut = text.length <= maxLength ? text : text.slice(0, maxLength + MAX_SECRET_LENGTH);
    const harmless = redactSecrets(PRINTABLE.test(cut) ? cut : cut.toWellFormed().replace(UNSAFE, '?'));
    const stored = this.rules.redactEmails ? harmless.replace(EMAIL, '$1***@$2') : harmless;
    return stored.length <= maxLength ? stored : stored.slice(0, maxLength).toWellFormed();
  }
}
