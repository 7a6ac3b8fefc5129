import { codecOf, isJson, type ValueCodec } from './value-codec.js';

/** What a handler returned, and the status and headers that it set. */
export interface HandlerAnswer {
  readonly value: unknown;
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** The same from the cache, with the value as text, which may be sent without parsing it. */
export class StoredAnswer {
  constructor(
    readonly status: number,
    readonly headers: HandlerAnswer['headers'],
    private readonly text: string,
    private readonly revive: ((value: never) => unknown) | undefined,
  ) {}

  /** The JSON of an object or an array, as any adapter would write it; undefined for other values. */
  get json(): string | undefined {
    if (this.revive || !isJson(this.text)) return undefined;
    return this.text.startsWith('{', 1) || this.text.startsWith('[', 1) ? this.text.slice(1) : undefined;
  }

  get value(): unknown {
    return codecOf(this.revive).decode(this.text);
  }
}

/** Status and headers on the first line, followed by the value. */
export function answerCodec(revive: ((value: never) => unknown) | undefined): ValueCodec {
  return {
    encode: (answer) => {
      const { value, status, headers } = answer as HandlerAnswer;
      return `${JSON.stringify([status, headers])}\n${codecOf(revive).encode(value)}`;
    },
    decode: (text) => {
      const end = text.indexOf('\n');
      const [status, headers] = JSON.parse(text.slice(0, end)) as [number, HandlerAnswer['headers']];
      return new StoredAnswer(status, headers, text.slice(end + 1), revive);
    },
  };
}
