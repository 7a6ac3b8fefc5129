import { VersioningType } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { exitWithError } from './exit.js';
import { createOptions } from './from-environment.js';
import { hardenApp } from './harden-app.js';
import { announce, listen } from './listen.js';
import { abandonStart, enableGracefulShutdown, prepareStart } from './startup.js';

// createApp() in bootstrap.ts takes the same steps; a test compares the two applications.
async function bootstrap(): Promise<void> {
  const startup = await prepareStart();
  const { config, logger, adapter, nestOptions } = startup;

  const app = await NestFactory.create(AppModule.forRoot(createOptions(config)), adapter, nestOptions);
  hardenApp(app, { logger, signals: false });
  app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
  enableGracefulShutdown(app, startup);

  const boundTo = await listen(app, config, logger);
  announce(config, logger, boundTo);
}

try {
  await bootstrap();
} catch (error) {
  await abandonStart();
  exitWithError(error);
}
