import type { AddressInfo } from 'node:net';
import { Module, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

/** A plain Nest application with some of the modules, for consumers who do not use `createApp()`. */
export async function createTestingApp(
  imports: NonNullable<ModuleMetadata['imports']>,
  providers: NonNullable<ModuleMetadata['providers']> = [],
): Promise<{ url: string; stop: () => Promise<void> }> {
  @Module({ imports, providers })
  class ConsumerModule {}

  const app = await NestFactory.create(ConsumerModule, { logger: false, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, stop: () => app.close() };
}
