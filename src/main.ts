import type { AddressInfo } from 'node:net';
import { createApp } from './bootstrap.js';
import type { AppConfig } from './config/index.js';
import { exitWithError } from './exit.js';

try {
  const { app, config, logger } = await createApp();
  try {
    await app.listen(config.http.port, '0.0.0.0');
  } catch (error) {
    // What happens while closing must not hide why the port could not be opened.
    await app.close().catch(() => undefined);
    throw error;
  }
  const { port } = app.getHttpServer().address() as AddressInfo;
  // Production logs are read by machines, and a greeting is no line of JSON.
  if (config.isProduction) logger.log({ port, adapter: config.http.adapter, msg: 'listening' });
  else process.stdout.write(greeting(config, port));
} catch (error) {
  exitWithError(error);
}

function greeting({ mode, http, auth }: AppConfig, port: number): string {
  return [
    `\nnest-bulwark is ready (${mode}, ${http.adapter})`,
    `  Address       http://localhost:${port}`,
    `  API docs      http://localhost:${port}/docs`,
    `  First admin   ${auth.admin?.email ?? 'set ADMIN_EMAIL and ADMIN_PASSWORD, and start again'}`,
    '\n',
  ].join('\n');
}
