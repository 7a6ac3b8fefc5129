import { createApp } from './bootstrap.js';
import { exitWithError } from './exit.js';
import { formatStartupMessage } from './listen.js';

try {
  const { config, logger, listen } = await createApp();
  const bound = await listen();
  // Production logs are read by machines, and a greeting is no line of JSON.
  if (config.isProduction)
    logger.log({ host: bound.address, port: bound.port, adapter: config.http.adapter, msg: 'listening' });
  else process.stdout.write(formatStartupMessage(config, bound));
} catch (error) {
  exitWithError(error);
}
