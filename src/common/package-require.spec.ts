import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { packageRequire } from './index.js';

it('finds a package that is installed beside this one', () => {
  expect(existsSync(packageRequire.resolve('@nestjs/swagger'))).toBe(true);
});
