import { expect, it } from 'vitest';
import { loadPackage } from './load-package.js';

it('loads a package that is installed', async () => {
  await expect(loadPackage('compression', 'The test')).resolves.toMatchObject({ default: expect.any(Function) });
});

it('names the command that installs a missing package', async () => {
  await expect(loadPackage('@nest-bulwark/absent', 'The test')).rejects.toThrow(
    'The test needs the package @nest-bulwark/absent. Install it: npm install @nest-bulwark/absent',
  );
});
