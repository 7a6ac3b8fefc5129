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

  it('takes one line break off the end of a secret and nothing else', () => {
    const { config } = loadConfig({ JWT_SECRET_FILE: write('secret', ' two lines\nand a space \n\n') });
    expect(config.auth.secret).toBe(' two lines\nand a space \n');
  });

  it('is held to the rules of the variable', () => {
    expect(problemsOf({ ...PRODUCTION, JWT_SECRET: '', JWT_SECRET_FILE: write('secret', 'short\n') })).toEqual([
      'JWT_SECRET: has 5 bytes, fewer than 32; tokens could be forged',
    ]);
  });

  it('is refused beside the variable itself', () => {
    const file = write('port', '80');
    expect(problemsOf({ PORT: '80', PORT_FILE: file })).toEqual(['PORT: is set both directly and by PORT_FILE']);
    expect(loadConfig({ PORT: '', PORT_FILE: file }).config.http.port).toBe(80);
    expect(loadConfig({ PORT: '81', PORT_FILE: '' }).config.http.port).toBe(81);
  });

  it('is refused when there is no such file, with one problem and not two', () => {
    const env = { ...PRODUCTION, JWT_SECRET: undefined, JWT_SECRET_FILE: join(folder, 'none') };
    expect(problemsOf(env)).toEqual(['JWT_SECRET_FILE: names a file that cannot be read (ENOENT)']);
  });

  it('is refused when it names a folder', () => {
    expect(problemsOf({ METRICS_TOKEN_FILE: folder })).toEqual([
      'METRICS_TOKEN_FILE: names a file that cannot be read (EISDIR)',
    ]);
  });

  // Root may read everything.
  it.skipIf(process.getuid?.() === 0)('is refused when this user may not read it', () => {
    const file = write('secret', 'x');
    chmodSync(file, 0);
    expect(problemsOf({ METRICS_TOKEN_FILE: file })).toEqual([
      'METRICS_TOKEN_FILE: names a file that cannot be read (EACCES)',
    ]);
  });

  it.each(['', '\n', ' \n'])('is refused when the file holds %j: who names a file means to have a value', (content) => {
    expect(problemsOf({ METRICS_TOKEN_FILE: write('empty', content) })).toEqual([
      'METRICS_TOKEN_FILE: names an empty file',
    ]);
  });

  it('is refused for raw bytes, of which reading as text would lose most', () => {
    expect(problemsOf({ JWT_SECRET_FILE: write('bytes', Buffer.from([0xff, 0xfe, 0x80, 0x00])) })).toEqual([
      'JWT_SECRET_FILE: names a file that is not UTF-8 text',
    ]);
  });

  it('does not repeat a secret that somebody wrote in the place of its path', () => {
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

  it('gives what the environment does not', () => {
    expect(readEnvironment(write('.env', '# comment\nPORT=4000\r\nADMIN_EMAIL="a@b.example"\n'))).toMatchObject({
      PORT: '4000',
      ADMIN_EMAIL: 'a@b.example',
    });
  });

  it.each(['5000', ''])('gives way to the environment, here PORT=%j', (value) => {
    vi.stubEnv('PORT', value);
    expect(readEnvironment(write('.env', 'PORT=4000'))['PORT']).toBe(value);
  });

  it.each(['production', ' production '])('is not read when NODE_ENV is %j', (mode) => {
    vi.stubEnv('NODE_ENV', mode);
    expect(readEnvironment(write('.env', 'PORT=4000'))['PORT']).toBeUndefined();
  });

  it('that says production is held to the rules of production', () => {
    const problems = problemsOf(readEnvironment(write('.env', 'NODE_ENV=production')));
    expect(problems).toContain('JWT_SECRET: is required in production');
  });

  it('need not exist', () => {
    expect(readEnvironment(join(folder, '.env'))).toBe(process.env);
  });

  it('that is a folder is refused: container engines make one in the place of a file that is missing', () => {
    mkdirSync(join(folder, '.env'));
    expect(() => readEnvironment(join(folder, '.env'))).toThrow('cannot be read (EISDIR)');
  });
});
