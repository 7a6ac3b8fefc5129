import swc from 'unplugin-swc';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // swc emits the decorator metadata that Nest's injector reads; the built-in transform does not.
  oxc: false,
  plugins: [swc.vite({ module: { type: 'es6' } })],
  test: {
    include: ['src/**/*.spec.ts', 'scripts/**/*.spec.ts', 'test/**/*.spec.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/worker-setup.ts'],
    pool: 'forks',
    // More than the two cores of a small machine, because many tests wait for a server or a timer.
    maxWorkers: 4,
    // Longer than the patience of `until()` and `Program`, which say what did not happen.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/**/*.spec.ts', 'src/**/index.ts', 'src/main.ts', 'src/cli/**'],
      reporter: ['text-summary', 'html', 'json-summary'],
      thresholds: { lines: 85 },
    },
  },
});
