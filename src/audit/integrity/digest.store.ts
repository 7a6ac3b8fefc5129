/**
 * Where digests are kept out of reach of those who can write to the database. It only ever adds.
 *
 * @publicApi
 */
export abstract class DigestStore {
  /** The newest line of a trail. */
  abstract last(log: string): Promise<string | undefined>;

  /** Resolves when the line is safe. The same line may come again, from a replica that shares the store. */
  abstract append(log: string, seq: number, line: string): Promise<void>;

  /** Every line of a trail, oldest first. */
  abstract lines(log: string): AsyncIterable<string>;
}
