import type { AddressInfo } from 'node:net';
import { createApp } from './bootstrap.js';
import { exitWithError } from './exit.js';

try {
  const { app, config } = await createApp();
  try {
    await app.listen(config.http.port, '0.0.0.0');
  } catch (error) {
    // What happens while closing must not hide why the port could not be opened.
    await app.close().catch(() => undefined);
    throw error;
  }
  const { port } = app.getHttpServer().address() as AddressInfo;
  const firstAdmin = config.auth.admin
    ? `  First admin   ${config.auth.admin.email}`
    : '  First admin   set ADMIN_EMAIL and ADMIN_PASSWORD, and start again';
  process.stdout.write(
    [
      `\nnest-bulwark is ready (${config.mode}, ${config.http.adapter})`,
      `  Address       http://localhost:${port}`,
      `  API docs      http://localhost:${port}/docs`,
      firstAdmin,
      '',
      '',
    ].join('\n'),
  );
} catch (error) {
  exitWithError(error);
}
