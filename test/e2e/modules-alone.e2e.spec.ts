import { it } from 'vitest';
import { testDatabase } from '../support/database.js';
import { onBothAdapters, type AdapterName } from '../support/harness.js';
import { amountOf } from '../support/long-form.js';
import { PlainApp } from '../support/plain-app.js';
import { expectContext, SUITE_MODULES, ThingsController, type SuiteModule } from '../support/suite-modules.js';

/** The short form combines each module with one other of each kind; the long form runs every ordered pair. */
const PAIRS = amountOf('MODULE_PAIRS', { short: 30, long: SUITE_MODULES.length ** 2 });

/** Starts an application with these modules, in this order, and checks what each of them guarantees. */
async function checkModules(adapter: AdapterName, modules: readonly SuiteModule[]): Promise<void> {
  const url = await testDatabase();
  const imports = new Map(modules.flatMap((module) => module.imports(url)).map((one) => [getModule(one), one]));
  const app = await PlainApp.start(adapter, {
    imports: [...imports.values()],
    providers: modules.flatMap(({ providers = [] }) => providers),
    controllers: [ThingsController, ...modules.flatMap(({ controllers = [] }) => controllers)],
  });
  try {
    if (modules.some(({ bringsContext = true }) => bringsContext)) await expectContext(app);
    for (const { check } of modules) await check(app);
  } finally {
    await app.stop();
  }
  for (const { checkClosed } of modules) checkClosed?.();
}

/** Two modules may import the same module, such as DatabaseModule. */
function getModule(one: unknown): unknown {
  return typeof one === 'object' && one !== null && 'module' in one ? one.module : one;
}

onBothAdapters('in an application with its own main.ts', (adapter) => {
  it.each(SUITE_MODULES)('$name works alone', (module) => checkModules(adapter, [module]));

  const pairs = SUITE_MODULES.flatMap((one) =>
    SUITE_MODULES.filter((other) => other !== one).map((other) => [one, other]),
  );
  // A step that shares no factor with the number of pairs reaches every pair, in an order that mixes all modules.
  const step = 41;
  const chosen = Array.from(
    { length: Math.min(PAIRS, pairs.length) },
    (_, i) => pairs[(i * step) % pairs.length] ?? [],
  );

  it.each(chosen.map((pair) => ({ names: pair.map(({ name }) => name).join(' and '), pair })))(
    '$names work together',
    { tags: 'long' },
    ({ pair }) => checkModules(adapter, pair),
  );

  it('all modules work together', () => checkModules(adapter, SUITE_MODULES));
});
