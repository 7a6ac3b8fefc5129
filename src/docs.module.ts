import { Module, type DynamicModule } from '@nestjs/common';
import { DocsController } from './docs.controller.js';
import { ApiDocument, DOCS_OPTIONS, type DocsModuleOptions } from './openapi.js';

/**
 * The OpenAPI document at `/docs/openapi.json`, and its page at `/docs`. `hardenApp()` passes the application that it
 * describes.
 *
 * @publicApi
 */
@Module({ controllers: [DocsController] })
export class DocsModule {
  static forRoot(options: DocsModuleOptions = {}): DynamicModule {
    return {
      module: DocsModule,
      providers: [{ provide: DOCS_OPTIONS, useValue: options }, ApiDocument],
      exports: [ApiDocument],
    };
  }
}
