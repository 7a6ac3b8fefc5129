import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { developmentSecret } from './development-secret.js';
import { weaknessOf } from './secret-strength.js';

describe('the secret of a development machine', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'bulwark-secret-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is strong, and stays the same', () => {
    const dataDir = join(folder, 'new', 'folder');
    const secret = developmentSecret(dataDir);
    expect(weaknessOf(secret)).toBeUndefined();
    expect(developmentSecret(dataDir)).toBe(secret);
  });

  it('differs from machine to machine', () => {
    expect(developmentSecret(join(folder, 'a'))).not.toBe(developmentSecret(join(folder, 'b')));
  });

  it.skipIf(process.platform === 'win32')('is readable by its owner alone', () => {
    developmentSecret(folder);
    expect(statSync(join(folder, 'jwt-secret')).mode & 0o777).toBe(0o600);
  });

  it('is not taken from a file that was cut short: an empty key would sign anything', () => {
    writeFileSync(join(folder, 'jwt-secret'), '');
    expect(() => developmentSecret(folder)).toThrow(/JWT_SECRET: is unset, and .+ is cut short/);
  });

  it('asks for a configured one where none can be kept', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(() => developmentSecret(file)).toThrow(
      /JWT_SECRET: is unset, and none can be kept in .+\n.+ set JWT_SECRET/,
    );
  });
});
