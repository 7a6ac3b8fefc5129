/**
 * Stores the digests of one trail, where a person who can write to the database has no access. Lines are added, and
 * never changed. The store contains the id of its trail, because the id in the database can be changed.
 *
 * @publicApi
 */
export abstract class DigestStore {
  /** Returns the newest line of a trail. */
  abstract last(log: string): Promise<string | undefined>;

  /** Resolves when the line is stored. A replica that shares the store may append the same line again. */
  abstract append(log: string, seq: number, line: string): Promise<void>;

  /** Returns all lines of a trail, oldest first. */
  abstract lines(log: string): AsyncIterable<string>;

  /** Returns the ids of all trails that have lines in the store. There should be only one. */
  abstract logs(): Promise<readonly string[]>;

  /** Returns the id of the trail that owns the store; undefined before {@link pin}. */
  abstract pinned(): Promise<string | undefined>;

  /** Assigns the store to a trail permanently. Later calls have no effect. */
  abstract pin(log: string): Promise<void>;
}
