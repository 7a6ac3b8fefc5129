import swc from 'unplugin-swc';
import { defineConfig } from 'vitest/config';

/** Specs beside the source that need PostgreSQL or Redis. */
const SERVER_SPECS = 'src/**/*.server.spec.ts';
/** Tests that leave something behind in their process, such as an entity that TypeORM knows from then on. */
const ISOLATED_SPECS = 'test/e2e/**/*.isolated.spec.ts';

const servers = {
  globalSetup: ['test/support/global-setup.ts'],
  // Longer than the patience of `until()` and `Program`, which say what did not happen.
  testTimeout: 300_000,
  hookTimeout: 300_000,
};

export default defineConfig({
  // swc emits the decorator metadata that Nest's injector reads; the built-in transform does not.
  oxc: false,
  plugins: [swc.vite({ module: { type: 'es6' } })],
  test: {
    setupFiles: ['test/support/worker-setup.ts'],
    pool: 'forks',
    // One more than the two cores of a small machine, because many tests wait for a server or a timer.
    maxWorkers: 3,
    tags: [{ name: 'long', description: 'Has a long form, which `npm run test:long` runs.' }],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['src/**/*.spec.ts', 'scripts/**/*.spec.ts'],
          exclude: [SERVER_SPECS],
          // A busy machine takes many times longer than an idle one.
          testTimeout: 60_000,
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          ...servers,
          name: 'e2e',
          include: [SERVER_SPECS, 'test/e2e/**/*.spec.ts'],
          exclude: [ISOLATED_SPECS],
          // A worker imports the application once, and runs many files with it.
          isolate: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          ...servers,
          name: 'isolated',
          include: [ISOLATED_SPECS, 'test/package/*.spec.ts'],
          sequence: { groupOrder: 2 },
        },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/**/*.spec.ts', 'src/**/index.ts', 'src/main.ts', 'src/cli/**'],
      reporter: ['text-summary', 'html', 'json-summary'],
      thresholds: { lines: 85 },
    },
  },
});
