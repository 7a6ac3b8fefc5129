import { Module, type DynamicModule } from '@nestjs/common';
import { listModules } from './app.module.js';
import type { BulwarkOptions } from './bulwark.options.js';

/**
 * All modules of the suite. Import it once, in the root module, and call `hardenApp()` in `main.ts`.
 *
 * @publicApi
 */
@Module({})
export class BulwarkModule {
  /** @param options `fromEnvironment()`, or the options of each module */
  static forRoot(options: BulwarkOptions = {}): DynamicModule {
    return { module: BulwarkModule, imports: listModules(options) };
  }
}
