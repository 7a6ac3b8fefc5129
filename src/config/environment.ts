import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { ConfigError, type ConfigProblem } from './config-error.js';

/** @publicApi */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The text of one variable, or what keeps it from being known. Both undefined: it is not set. */
interface ReadText {
  text?: string;
  problem?: ConfigProblem;
}

/** The text of `name`, or of the file that `name_FILE` names. */
export function readText(name: string, environment: Environment): ReadText {
  const text = valueOf(environment[name]);
  const file = valueOf(environment[`${name}_FILE`]);
  if (file === undefined) return { text };
  if (text === undefined) return readSecretFile(name, file.trim());
  const cause = `is set both directly and by ${name}_FILE`;
  return { problem: { variable: name, cause, remedy: 'remove one of the two' } };
}

function valueOf(text: string | undefined): string | undefined {
  return text?.trim() ? text : undefined;
}

/** The messages leave the path out: who writes the secret itself in its place would find it in the log. */
function readSecretFile(name: string, file: string): ReadText {
  const refused = (cause: string, remedy: string) => ({ problem: { variable: `${name}_FILE`, cause, remedy } });
  try {
    const content = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
    const text = valueOf(content.replace(/\r?\n$/, ''));
    return text === undefined ? refused('names an empty file', `write the value of ${name} into it`) : { text };
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      return refused('names a file that is not UTF-8 text', 'write random bytes as text, such as base64');
    }
    const remedy = 'check the path, and that the user of this process may read it';
    return refused(`names a file that cannot be read (${code})`, remedy);
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}

/**
 * The process environment, with the file `.env` beneath it outside production: a variable that is set wins, even an
 * empty one, so that `DATABASE_URL= npm start` switches off what the file says.
 *
 * @throws ConfigError when there is a `.env` that cannot be read
 * @publicApi
 */
export function readEnvironment(file = '.env'): Environment {
  if (process.env['NODE_ENV']?.trim() === 'production') return process.env;
  try {
    return { ...parseEnv(readFileSync(file, 'utf8')), ...process.env };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return process.env;
    const cause = `cannot be read (${codeOf(error)})`;
    throw new ConfigError([{ variable: file, cause, remedy: 'make it a file this user may read, or remove it' }]);
  }
}

/** Whether Node checks the certificates of servers; one variable of its own turns that off for the whole process. */
export function checksCertificates(environment: Environment = process.env): boolean {
  return environment['NODE_TLS_REJECT_UNAUTHORIZED'] !== '0';
}
