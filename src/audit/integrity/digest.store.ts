/**
 * Where the digests of one trail are kept, out of reach of those who can write to the database. It only ever adds. The
 * store itself knows which trail it belongs to, because the database could be made to say that it is another one.
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

  /** Ids of all trails that have lines here. There should be one. */
  abstract logs(): Promise<readonly string[]>;

  /** Id of the trail that the store was given to; undefined before {@link pin}. */
  abstract pinned(): Promise<string | undefined>;

  /** Gives the store to a trail, for good. Of several calls the first one counts. */
  abstract pin(log: string): Promise<void>;
}
