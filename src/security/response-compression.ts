import type { AbstractHttpAdapter, HttpAdapterHost } from '@nestjs/core';
import { expressCompression } from './express-compression.js';
import { compressFastify } from './fastify-compression.js';
import type { SecuritySettings } from './security.options.js';

/** Installs the compression package of the adapter, before Nest registers routes. */
export async function installCompression({ compression }: SecuritySettings, host: HttpAdapterHost): Promise<void> {
  const adapter = host.httpAdapter as AbstractHttpAdapter | undefined;
  // A context without HTTP, such as a job or a microservice, has no adapter.
  if (!adapter || compression === false) return;
  if (adapter.getType() === 'fastify') await compressFastify(adapter.getInstance(), compression);
  else adapter.use(await expressCompression(compression));
}
