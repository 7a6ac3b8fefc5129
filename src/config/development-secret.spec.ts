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

  it('is strong and does not change', () => {
    const dataDir = join(folder, 'new', 'folder');
    const secret = developmentSecret(dataDir);
    expect(weaknessOf(secret)).toBeUndefined();
    expect(developmentSecret(dataDir)).toBe(secret);
  });

  it('is different on each machine', () => {
    expect(developmentSecret(join(folder, 'a'))).not.toBe(developmentSecret(join(folder, 'b')));
  });

  it.skipIf(process.platform === 'win32')('can be read only by its owner', () => {
    developmentSecret(folder);
    expect(statSync(join(folder, 'jwt-secret')).mode & 0o777).toBe(0o600);
  });

  it('is refused if its file is truncated, because an empty key is not secret', () => {
    writeFileSync(join(folder, 'jwt-secret'), '');
    expect(() => developmentSecret(folder)).toThrow(/JWT_SECRET: is unset, and .+ is cut short/);
  });

  it('must be configured if it cannot be stored in a file', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(() => developmentSecret(file)).toThrow(
      /JWT_SECRET: is unset, and none can be kept in .+\n.+ set JWT_SECRET/,
    );
  });
});
