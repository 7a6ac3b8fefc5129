import type { AddressInfo } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import { isLocalHost, type AppConfig } from './config/index.js';
import type { PinoLogger } from './observability/index.js';

/**
 * Listens at the configured host and port. If the port cannot be opened, the application is closed.
 *
 * @returns the address that the server is bound to
 */
export async function listen(
  app: INestApplication,
  { http, mode, isProduction }: AppConfig,
  logger: PinoLogger,
): Promise<AddressInfo> {
  try {
    await app.listen(http.port, http.host);
  } catch (error) {
    // An error while closing must not hide the reason why the port could not be opened.
    await app.close().catch(() => undefined);
    throw error;
  }
  const bound = app.getHttpServer().address() as AddressInfo;
  if (!isProduction && !isLocalHost(bound.address)) {
    logger.warn(
      `Other machines reach ${bound.address}:${bound.port}, and NODE_ENV is ${mode}: set NODE_ENV=production, or HOST=127.0.0.1`,
      'Config',
    );
  }
  return bound;
}

/** Lists what is open or accepted outside production. */
export function listDevelopmentExposures({ isProduction, productionTest, metrics, mail }: AppConfig): string[] {
  if (isProduction) return [];
  return [
    ...(productionTest.enabled ? ['/production-test for every account'] : []),
    ...(metrics.token === undefined ? ['/metrics without a token'] : []),
    ...(mail.url === undefined ? ['mails in the log, with their tokens (MAIL_URL is unset)'] : []),
    'weak secrets, and connections without TLS',
  ];
}

/** Reports that the application is ready: in production by a log line, otherwise by a message for people. */
export function announce(config: AppConfig, logger: PinoLogger, boundTo: AddressInfo): void {
  const { address: host, port } = boundTo;
  if (config.isProduction) logger.log({ host, port, adapter: config.http.adapter, msg: 'listening' });
  else process.stdout.write(formatStartupMessage(config, boundTo));
}

/** Formats the message that `npm start` prints when the application is ready. */
function formatStartupMessage(config: AppConfig, { address, port, family }: AddressInfo): string {
  const { mode, http, auth } = config;
  const isLocal = isLocalHost(address);
  const isEverywhere = address === '0.0.0.0' || address === '::';
  const host = isLocal || isEverywhere ? 'localhost' : family === 'IPv6' ? `[${address}]` : address;
  const reach = isLocal ? 'reached from this machine only' : 'REACHED FROM OTHER MACHINES';
  return [
    `\nnest-bulwark is ready (${mode}, ${http.adapter})`,
    `  Address       http://${host}:${port}`,
    `  Bound to      ${address}, ${reach} (HOST)`,
    `  API docs      http://${host}:${port}/docs`,
    `  First admin   ${auth.admin?.email ?? 'set ADMIN_EMAIL and ADMIN_PASSWORD, and start again'}`,
    ...listDevelopmentExposures(config).map(
      (what, at) => `${at === 0 ? `  Open, because NODE_ENV is ${mode}:\n` : ''}    - ${what}`,
    ),
    '\n',
  ].join('\n');
}
