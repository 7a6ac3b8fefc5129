import type { DatabaseFacts } from './database.facts.js';
import type { Rule } from './rule.js';

/** Last days of the major versions, as the PostgreSQL project gives them. */
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
    title: 'The database answers within 50 ms',
    reference: 'OWASP ASVS 5.0 V13.1.3',
    remedy: 'Bring the database nearer, or look for what keeps it busy.',
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
    title: 'The pools of all replicas fit into the database’s connections',
    reference: 'PostgreSQL: max_connections',
    remedy: 'Lower DATABASE_POOL_MAX, raise max_connections, or put PgBouncer in between.',
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
    title: 'A fifth of the connections is free',
    reference: 'PostgreSQL: max_connections',
    remedy: 'See in pg_stat_activity who holds them.',
    otherwise: 'warn',
    holds: ({ usedConnections, maxConnections }) => usedConnections <= 0.8 * maxConnections,
    seen: ({ usedConnections, maxConnections }) => ({ usedConnections, maxConnections }),
  },
  {
    name: 'database.tls',
    title: 'A connection to another machine is encrypted',
    reference: 'OWASP ASVS 5.0 V12.3.1',
    remedy: 'Add ?sslmode=verify-full&sslrootcert=ca.pem to DATABASE_URL.',
    holds: ({ usesTls, isRemote }) => (isRemote ? usesTls : 'the connection does not leave this machine'),
    seen: ({ usesTls }) => usesTls,
  },
  {
    name: 'database.clock',
    title: 'The clocks of the database and of this process agree within 2 s',
    reference: 'OWASP ASVS 5.0 V16.2.2',
    remedy: 'Synchronise both by NTP: tokens, limits and audit events compare times.',
    holds: ({ clockSkewMs }) => Math.abs(clockSkewMs) < 2_000,
    seen: ({ clockSkewMs }) => `${Math.round(clockSkewMs)} ms`,
  },
  {
    name: 'database.version',
    title: 'This version of PostgreSQL gets security fixes',
    reference: 'PostgreSQL versioning policy; OWASP ASVS 5.0 V15.2.1',
    remedy: 'Upgrade to a version that is supported.',
    otherwise: 'warn',
    holds: ({ majorVersion, now }) => {
      const end = END_OF_LIFE[majorVersion];
      return end === undefined ? `the end of version ${majorVersion} is not known here` : now < new Date(end);
    },
    seen: ({ majorVersion }) => ({ version: majorVersion, endOfLife: END_OF_LIFE[majorVersion] }),
  },
  {
    name: 'database.statement-timeout',
    title: 'The session ends statements that run too long',
    reference: 'PostgreSQL: statement_timeout',
    remedy: 'Set DATABASE_STATEMENT_TIMEOUT; behind PgBouncer, ALTER ROLE … SET statement_timeout.',
    otherwise: 'warn',
    holds: ({ settings }) => settings['statement_timeout'] !== '0',
    seen: ({ settings }) => settings['statement_timeout'],
  },
  {
    name: 'database.idle-timeout',
    title: 'The session ends transactions that do nothing',
    reference: 'PostgreSQL: idle_in_transaction_session_timeout',
    remedy: 'Set DATABASE_IDLE_IN_TRANSACTION_TIMEOUT; behind PgBouncer, ALTER ROLE … SET it.',
    otherwise: 'warn',
    holds: ({ settings }) => settings['idle_in_transaction_session_timeout'] !== '0',
    seen: ({ settings }) => settings['idle_in_transaction_session_timeout'],
  },
  {
    name: 'database.durability',
    title: 'What is committed survives a crash',
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
    title: 'Dead rows are cleaned away',
    reference: 'PostgreSQL: autovacuum',
    remedy: 'Set autovacuum to on.',
    holds: isOn('autovacuum'),
  },
  {
    name: 'database.password-hashing',
    title: 'Passwords of database roles are hashed by SCRAM',
    reference: 'PostgreSQL: password_encryption',
    remedy: 'Set password_encryption to scram-sha-256, and set the passwords again.',
    holds: ({ settings }) => settings['password_encryption'] === 'scram-sha-256',
    seen: ({ settings }) => settings['password_encryption'],
  },
  {
    name: 'database.indexes',
    title: 'Every foreign key has an index',
    reference: 'PostgreSQL: foreign keys',
    remedy: 'Add an index on each column named, or a delete on the other side reads the whole table.',
    otherwise: 'warn',
    holds: ({ unindexedForeignKeys }) => unindexedForeignKeys.length === 0,
    seen: ({ unindexedForeignKeys }) => unindexedForeignKeys,
  },
  {
    name: 'database.invalid-indexes',
    title: 'No index is invalid',
    reference: 'PostgreSQL: CREATE INDEX CONCURRENTLY',
    remedy: 'REINDEX INDEX CONCURRENTLY the ones named: an index that failed to be built is not used, yet costs.',
    holds: ({ invalidIndexes }) => invalidIndexes.length === 0,
    seen: ({ invalidIndexes }) => invalidIndexes,
  },
  {
    name: 'database.scans',
    title: 'No large table is read from end to end most of the time',
    reference: 'PostgreSQL: pg_stat_user_tables',
    remedy: 'EXPLAIN the queries on the tables named, and add the index that they lack.',
    otherwise: 'warn',
    holds: ({ scannedTables }) => scannedTables.length === 0,
    seen: ({ scannedTables }) => scannedTables,
  },
  {
    name: 'database.idle-transactions',
    title: 'No transaction has been idle for five minutes',
    reference: 'PostgreSQL: routine vacuuming',
    remedy: 'See in pg_stat_activity who holds it open; it keeps dead rows from being cleaned away.',
    holds: ({ idleInTransactionSeconds }) => idleInTransactionSeconds < 300,
    seen: ({ idleInTransactionSeconds }) => `${Math.round(idleInTransactionSeconds)} s`,
  },
  {
    name: 'database.wraparound',
    title: 'Transaction ids are far from their end',
    reference: 'PostgreSQL: preventing transaction ID wraparound',
    remedy: 'Run VACUUM on the oldest tables, and find out what keeps autovacuum from it.',
    holds: ({ transactionIdAge }) => transactionIdAge < 1_000_000_000,
    seen: ({ transactionIdAge }) => transactionIdAge,
  },
];
