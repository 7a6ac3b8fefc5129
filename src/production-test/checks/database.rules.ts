import type { DatabaseFacts } from './database.facts.js';
import type { Rule } from './rule.js';

/** End of life of the major versions, from the PostgreSQL versioning policy. */
const END_OF_LIFE: Record<number, string> = {
  12: '2024-11-21',
  13: '2025-11-13',
  14: '2026-11-12',
  15: '2027-11-11',
  16: '2028-11-09',
  17: '2029-11-08',
  18: '2030-11-14',
};

const isOn = (name: string) => (facts: DatabaseFacts) => facts.settings[name] === 'on';

export const DATABASE_RULES: readonly Rule<DatabaseFacts>[] = [
  {
    name: 'database.round-trip',
    title: 'The database responds within 50 ms',
    reference: 'OWASP ASVS 5.0 V13.1.3',
    remedy: 'Move the database closer to the application, or find the cause of its load.',
    otherwise: 'warn',
    holds: ({ roundTripMs }) => roundTripMs < 50,
    seen: ({ roundTripMs }) => `${roundTripMs.toFixed(1)} ms`,
  },
  {
    name: 'database.migrations',
    title: 'Every migration has run',
    reference: 'TypeORM: migrations',
    remedy: 'Run npm run migration:run, or nest-bulwark migrate.',
    holds: ({ pendingMigrations }) => pendingMigrations.length === 0,
    seen: ({ pendingMigrations }) => pendingMigrations,
  },
  {
    name: 'database.connections',
    title: 'The database has enough connections for the pools of all replicas',
    reference: 'PostgreSQL: max_connections',
    remedy: 'Lower `poolMax` of DatabaseModule, raise max_connections, or put PgBouncer in between.',
    variables: ['DATABASE_POOL_MAX'],
    holds: (facts) => facts.poolMax * facts.replicas <= facts.maxConnections - facts.reservedConnections,
    seen: ({ poolMax, replicas, maxConnections, reservedConnections }) => ({
      poolMax,
      replicas,
      maxConnections,
      reservedConnections,
    }),
  },
  {
    name: 'database.connections-left',
    title: 'At least 20 % of the connections are free',
    reference: 'PostgreSQL: max_connections',
    remedy: 'Find out in pg_stat_activity which clients use them.',
    otherwise: 'warn',
    holds: ({ usedConnections, maxConnections }) => usedConnections <= 0.8 * maxConnections,
    seen: ({ usedConnections, maxConnections }) => ({ usedConnections, maxConnections }),
  },
  {
    name: 'database.tls',
    title: 'A connection to another machine is encrypted',
    reference: 'OWASP ASVS 5.0 V12.3.1',
    remedy: 'Add ?sslmode=verify-full&sslrootcert=ca.pem to `url` of DatabaseModule.',
    variables: ['DATABASE_URL'],
    holds: ({ usesTls, isRemote }) => (isRemote ? usesTls : 'the connection does not leave this machine'),
    seen: ({ usesTls }) => usesTls,
  },
  {
    name: 'database.clock',
    title: 'The clocks of the database and of this process agree within 2 s',
    reference: 'OWASP ASVS 5.0 V16.2.2',
    remedy: 'Synchronise both clocks by NTP. Tokens, limits and audit events compare times.',
    holds: ({ clockSkewMs }) => Math.abs(clockSkewMs) < 2_000,
    seen: ({ clockSkewMs }) => `${Math.round(clockSkewMs)} ms`,
  },
  {
    name: 'database.version',
    title: 'This version of PostgreSQL still gets security fixes',
    reference: 'PostgreSQL versioning policy; OWASP ASVS 5.0 V15.2.1',
    remedy: 'Upgrade to a supported version.',
    otherwise: 'warn',
    holds: ({ majorVersion, now }) => {
      const end = END_OF_LIFE[majorVersion];
      return end === undefined ? `the end of life of version ${majorVersion} is unknown` : now < new Date(end);
    },
    seen: ({ majorVersion }) => ({ version: majorVersion, endOfLife: END_OF_LIFE[majorVersion] }),
  },
  {
    name: 'database.statement-timeout',
    title: 'The database session has a statement timeout',
    reference: 'PostgreSQL: statement_timeout',
    remedy: 'Set `statementTimeoutMs` of DatabaseModule. Behind PgBouncer, use ALTER ROLE … SET statement_timeout.',
    variables: ['DATABASE_STATEMENT_TIMEOUT'],
    otherwise: 'warn',
    holds: ({ settings }) => settings['statement_timeout'] !== '0',
    seen: ({ settings }) => settings['statement_timeout'],
  },
  {
    name: 'database.idle-timeout',
    title: 'The database session has a timeout for idle transactions',
    reference: 'PostgreSQL: idle_in_transaction_session_timeout',
    remedy:
      'Set `idleInTransactionTimeoutMs` of DatabaseModule. Behind PgBouncer, use ALTER ROLE … SET idle_in_transaction_session_timeout.',
    variables: ['DATABASE_IDLE_IN_TRANSACTION_TIMEOUT'],
    otherwise: 'warn',
    holds: ({ settings }) => settings['idle_in_transaction_session_timeout'] !== '0',
    seen: ({ settings }) => settings['idle_in_transaction_session_timeout'],
  },
  {
    name: 'database.durability',
    title: 'Committed data survives a crash',
    reference: 'PostgreSQL: fsync, full_page_writes, synchronous_commit',
    remedy: 'Set fsync, full_page_writes and synchronous_commit to on.',
    holds: (facts) =>
      isOn('fsync')(facts) && isOn('full_page_writes')(facts) && facts.settings['synchronous_commit'] !== 'off',
    seen: ({ settings: { fsync, full_page_writes, synchronous_commit } }) => ({
      fsync,
      full_page_writes,
      synchronous_commit,
    }),
  },
  {
    name: 'database.autovacuum',
    title: 'Autovacuum is on',
    reference: 'PostgreSQL: autovacuum',
    remedy: 'Set autovacuum to on.',
    holds: isOn('autovacuum'),
  },
  {
    name: 'database.password-hashing',
    title: 'Passwords of database roles are hashed with SCRAM',
    reference: 'PostgreSQL: password_encryption',
    remedy: 'Set password_encryption to scram-sha-256, and set the passwords again.',
    holds: ({ settings }) => settings['password_encryption'] === 'scram-sha-256',
    seen: ({ settings }) => settings['password_encryption'],
  },
  {
    name: 'database.indexes',
    title: 'Every foreign key has an index',
    reference: 'PostgreSQL: foreign keys',
    remedy: 'Add an index on each listed column. Without it, a delete in the referenced table reads the whole table.',
    otherwise: 'warn',
    holds: ({ unindexedForeignKeys }) => unindexedForeignKeys.length === 0,
    seen: ({ unindexedForeignKeys }) => unindexedForeignKeys,
  },
  {
    name: 'database.invalid-indexes',
    title: 'No index is invalid',
    reference: 'PostgreSQL: CREATE INDEX CONCURRENTLY',
    remedy:
      'Run REINDEX INDEX CONCURRENTLY for the listed indexes. An invalid index is not used, but it slows down writes.',
    holds: ({ invalidIndexes }) => invalidIndexes.length === 0,
    seen: ({ invalidIndexes }) => invalidIndexes,
  },
  {
    name: 'database.scans',
    title: 'No large table is mostly read by sequential scans',
    reference: 'PostgreSQL: pg_stat_user_tables',
    remedy: 'Run EXPLAIN for the queries on the listed tables, and add the missing index.',
    otherwise: 'warn',
    holds: ({ scannedTables }) => scannedTables.length === 0,
    seen: ({ scannedTables }) => scannedTables,
  },
  {
    name: 'database.idle-transactions',
    title: 'No transaction has been idle for five minutes',
    reference: 'PostgreSQL: routine vacuuming',
    remedy: 'Find out in pg_stat_activity which client keeps it open. It prevents vacuum from removing dead rows.',
    holds: ({ idleInTransactionSeconds }) => idleInTransactionSeconds < 300,
    seen: ({ idleInTransactionSeconds }) => `${Math.round(idleInTransactionSeconds)} s`,
  },
  {
    name: 'database.wraparound',
    title: 'Transaction id wraparound is not near',
    reference: 'PostgreSQL: preventing transaction ID wraparound',
    remedy: 'Run VACUUM on the oldest tables, and find out why autovacuum does not.',
    holds: ({ transactionIdAge }) => transactionIdAge < 1_000_000_000,
    seen: ({ transactionIdAge }) => transactionIdAge,
  },
];
