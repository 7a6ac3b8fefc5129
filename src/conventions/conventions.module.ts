import { ConfigurableModuleBuilder, Global, Module, type DynamicModule } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { ImportedOnce } from '../context/index.js';
import { CursorCodec } from './cursor.codec.js';
import { EnvelopeInterceptor } from './envelope.js';

/** @publicApi */
export interface ConventionsModuleOptions {
  /**
   * Secret that signs cursors: at least 32 random bytes, the same on all replicas.
   * @default created at start; then a cursor is valid only in the process that created it
   */
  cursorSecret?: string;
  /** Whether every response is `{ data, meta }`. @default false */
  envelope?: boolean;
}

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<ConventionsModuleOptions>().setClassMethodName('forRoot').build();

/**
 * Provides cursors for pages and, if enabled, the envelope of all responses. `@ETag()`, `@Deprecated()`, `@Paginated()`
 * and `@Envelope()` work without this module.
 *
 * @publicApi
 */
@ImportedOnce()
@Global()
@Module({
  providers: [
    {
      provide: CursorCodec,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: ({ cursorSecret }: ConventionsModuleOptions) => new CursorCodec(cursorSecret),
    },
  ],
  exports: [CursorCodec],
})
export class ConventionsModule extends ConfigurableModuleClass {
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return withEnvelope(super.forRoot(options), options.envelope);
  }

  /** `envelope` is passed beside the factory, because Nest registers interceptors before the factory runs. */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE & { envelope?: boolean }): DynamicModule {
    return withEnvelope(super.forRootAsync(options), options.envelope);
  }
}

function withEnvelope(module: DynamicModule, envelope: boolean | undefined): DynamicModule {
  if (!envelope) return module;
  const interceptor = { provide: APP_INTERCEPTOR, useClass: EnvelopeInterceptor };
  return { ...module, providers: [...(module.providers ?? []), interceptor] };
}
