import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from './config-error.js';

const SECRET_BYTES = 48;

/**
 * A signing secret for machines where nobody configured one: made once, readable by its owner alone, kept so that
 * tokens survive a restart. Production never gets here; it refuses to start without a secret of its own.
 *
 * @throws ConfigError when the folder cannot keep one
 */
export function developmentSecret(dataDir: string): string {
  const file = join(dataDir, 'jwt-secret');
  const secret = keptSecret(dataDir, file);
  // A process that was killed while it wrote leaves less, and an empty key would sign anything.
  if (secret.length >= SECRET_BYTES) return secret;
  throw unusable(`${file} is cut short`, `remove ${file}, or set JWT_SECRET`);
}

function keptSecret(dataDir: string, file: string): string {
  try {
    mkdirSync(dataDir, { recursive: true });
    writeFileSync(file, randomBytes(SECRET_BYTES).toString('base64url'), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    const isKept = code === 'EEXIST' && existsSync(file);
    if (!isKept) throw unusable(`none can be kept in ${dataDir} (${code})`, 'set JWT_SECRET, or DATA_DIR');
  }
  return readFileSync(file, 'utf8');
}

function unusable(cause: string, remedy: string): ConfigError {
  return new ConfigError([{ variable: 'JWT_SECRET', cause: `is unset, and ${cause}`, remedy }]);
}
