import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PRODUCTION, problemsOf, refusalOf } from '../../test/support/config.js';
import { readEnvironment } from './environment.js';
import { loadConfig } from './load-config.js';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'bulwark-env-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string | Buffer): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

describe('NAME_FILE', () => {
  it.each(['postgres://h/db', 'postgres://h/db\n', 'postgres://h/db\r\n', '\uFEFFpostgres://h/db\n'])(
    'reads the value from a file that holds %j',
    (content) => {
      const { config } = loadConfig({ DATABASE_URL_FILE: write('url', content) });
      expect(config.database.url).toBe('postgres://h/db');
    },
  );

  it('removes only one line break from the end of a secret', () => {
    const { config } = loadConfig({ JWT_SECRET_FILE: write('secret', ' two lines\nand a space \n\n') });
    expect(config.auth.secret).toBe(' two lines\nand a space \n');
  });

  it('is checked by the rules of the variable', () => {
    expect(problemsOf({ ...PRODUCTION, JWT_SECRET: '', JWT_SECRET_FILE: write('secret', 'short\n') })).toEqual([
      'JWT_SECRET: has 5 bytes, fewer than 32; tokens could be forged',
    ]);
  });

  it('is refused if the variable itself is also set', () => {
    const file = write('port', '80');
    expect(problemsOf({ PORT: '80', PORT_FILE: file })).toEqual(['PORT: is set both directly and by PORT_FILE']);
    expect(loadConfig({ PORT: '', PORT_FILE: file }).config.http.port).toBe(80);
    expect(loadConfig({ PORT: '81', PORT_FILE: '' }).config.http.port).toBe(81);
  });

  it('is refused with one problem if the file does not exist', () => {
    const env = { ...PRODUCTION, JWT_SECRET: undefined, JWT_SECRET_FILE: join(folder, 'none') };
    expect(problemsOf(env)).toEqual(['JWT_SECRET_FILE: names a file that cannot be read (ENOENT)']);
  });

  it('is refused when it names a folder', () => {
    expect(problemsOf({ METRICS_TOKEN_FILE: folder })).toEqual([
      'METRICS_TOKEN_FILE: names a file that cannot be read (EISDIR)',
    ]);
  });

  // Root can read every file.
  it.skipIf(process.getuid?.() === 0)('is refused if this user may not read the file', () => {
    const file = write('secret', 'x');
    chmodSync(file, 0);
    expect(problemsOf({ METRICS_TOKEN_FILE: file })).toEqual([
      'METRICS_TOKEN_FILE: names a file that cannot be read (EACCES)',
    ]);
  });

  it.each(['', '\n', ' \n'])('is refused if the file contains no value: %j', (content) => {
    expect(problemsOf({ METRICS_TOKEN_FILE: write('empty', content) })).toEqual([
      'METRICS_TOKEN_FILE: names an empty file',
    ]);
  });

  it('is refused if the file contains bytes that are not text', () => {
    expect(problemsOf({ JWT_SECRET_FILE: write('bytes', Buffer.from([0xff, 0xfe, 0x80, 0x00])) })).toEqual([
      'JWT_SECRET_FILE: names a file that is not UTF-8 text',
    ]);
  });

  it('does not print a secret that was set instead of a path', () => {
    const secret = 'kR8vXw2pLq9TzYb4Nc6MdHs3JfGa7eUo';
    expect(refusalOf({ JWT_SECRET_FILE: secret })?.message).not.toContain(secret);
  });
});

describe('.env', () => {
  beforeEach(() => {
    vi.stubEnv('NODE_ENV', undefined);
    vi.stubEnv('PORT', undefined);
  });
  afterEach(() => void vi.unstubAllEnvs());

  it('provides variables that the environment does not set', () => {
    expect(readEnvironment(write('.env', '# comment\nPORT=4000\r\nADMIN_EMAIL="a@b.example"\n'))).toMatchObject({
      PORT: '4000',
      ADMIN_EMAIL: 'a@b.example',
    });
  });

  it.each(['5000', ''])('does not override the environment: PORT=%j', (value) => {
    vi.stubEnv('PORT', value);
    expect(readEnvironment(write('.env', 'PORT=4000'))['PORT']).toBe(value);
  });

  it.each(['production', ' production '])('is not read when NODE_ENV is %j', (mode) => {
    vi.stubEnv('NODE_ENV', mode);
    expect(readEnvironment(write('.env', 'PORT=4000'))['PORT']).toBeUndefined();
  });

  it('is checked by the rules of production if it sets NODE_ENV=production', () => {
    const problems = problemsOf(readEnvironment(write('.env', 'NODE_ENV=production')));
    expect(problems).toContain('JWT_SECRET: is required in production');
  });

  it('is optional', () => {
    expect(readEnvironment(join(folder, '.env'))).toBe(process.env);
  });

  it('is refused if it is a folder, which container engines create for a missing file', () => {
    mkdirSync(join(folder, '.env'));
    expect(() => readEnvironment(join(folder, '.env'))).toThrow('cannot be read (EISDIR)');
  });
});
