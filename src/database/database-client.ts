import { Client, type ClientConfig, type Pool } from 'pg';

const HANDLES_ERRORS = Symbol('bulwark.handlesErrors');

/**
 * A connection that has an error listener from its first moment. The pool and TypeORM add theirs one turn of the event
 * loop after they get a connection. If the server ends the connection before that turn, Node.js would report an
 * unhandled error and end the process. The next query on the connection still fails.
 *
 * @internal
 */
export class DatabaseClient extends Client {
  static readonly [HANDLES_ERRORS] = true;

  constructor(config?: string | ClientConfig) {
    super(config);
    this.on('error', () => undefined);
  }
}

/** Parts of a pool that the types of pg leave out. */
interface PoolInternals {
  Client: typeof Client;
  readonly _clients: readonly Client[];
}

/** Gives the connections of a pool that somebody else has made the error listener of {@link DatabaseClient}. */
export function handleConnectionErrors(pool: Pool): void {
  const internals = pool as unknown as PoolInternals;
  if (HANDLES_ERRORS in internals.Client) return;
  for (const client of internals._clients) client.on('error', () => undefined);
  internals.Client = class extends internals.Client {
    static readonly [HANDLES_ERRORS] = true;

    constructor(config?: string | ClientConfig) {
      super(config);
      this.on('error', () => undefined);
    }
  };
}
