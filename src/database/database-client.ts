import { Client, type ClientConfig } from 'pg';

/**
 * A connection that has an error listener from its first moment. The pool and TypeORM add theirs one turn of the event
 * loop after they get a connection. If the server ends the connection before that turn, Node.js would report an
 * unhandled error and end the process. The next query on the connection still fails.
 *
 * @internal
 */
export class DatabaseClient extends Client {
  constructor(config?: string | ClientConfig) {
    super(config);
    this.on('error', () => undefined);
  }
}
