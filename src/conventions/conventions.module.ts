import { ConfigurableModuleBuilder, Global, Module, type DynamicModule } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { CursorCodec } from './cursor.codec.js';
import { EnvelopeInterceptor } from './envelope.js';

/** @publicApi */
export interface ConventionsModuleOptions {
  /**
   * Signs cursors: 32 random bytes or more, the same for all replicas.
   * @default made at start; cursors then hold for this process alone
   */
  cursorSecret?: string;
  /** Whether every answer is `{ data, meta }`. @default false */
  envelope?: boolean;
}

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<ConventionsModuleOptions>().setClassMethodName('forRoot').build();

/**
 * Cursors for pages, and the envelope where it is wanted. `@ETag()`, `@Deprecated()`, `@Paginated()` and `@Envelope()`
 * need no module.
 *
 * @publicApi
 */
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

  /** `envelope` stands beside the factory, because interceptors are known before options are. */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE & { envelope?: boolean }): DynamicModule {
    return withEnvelope(super.forRootAsync(options), options.envelope);
  }
}

function withEnvelope(module: DynamicModule, envelope: boolean | undefined): DynamicModule {
  if (!envelope) return module;
  const interceptor = { provide: APP_INTERCEPTOR, useClass: EnvelopeInterceptor };
  return { ...module, providers: [...(module.providers ?? []), interceptor] };
}
