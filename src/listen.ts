import type { AddressInfo } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import { isLocalHost, type AppConfig } from './config/index.js';
import type { PinoLogger } from './observability/index.js';

/**
 * Listens where the configuration says. When the port cannot be opened, the application is closed.
 *
 * @returns the address that it is bound to
 */
export async function listen(
  app: INestApplication,
  { http, mode, isProduction }: AppConfig,
  logger: PinoLogger,
): Promise<AddressInfo> {
  try {
    await app.listen(http.port, http.host);
  } catch (error) {
    // What happens while closing must not hide why the port could not be opened.
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

/** What is open, or taken, because this is not production. */
export function openOutsideProduction({ isProduction, productionTest, metrics, mail }: AppConfig): string[] {
  if (isProduction) return [];
  return [
    ...(productionTest.enabled ? ['/production-test for every account'] : []),
    ...(metrics.token === undefined ? ['/metrics without a token'] : []),
    ...(mail.url === undefined ? ['mails in the log, with their tokens (MAIL_URL is unset)'] : []),
    'weak secrets, and connections without TLS',
  ];
}

/** Says that the application is ready: in production by a line of the log, which machines read, else by a greeting. */
export function announce(config: AppConfig, logger: PinoLogger, boundTo: AddressInfo): void {
  const { address: host, port } = boundTo;
  if (config.isProduction) logger.log({ host, port, adapter: config.http.adapter, msg: 'listening' });
  else process.stdout.write(greeting(config, boundTo));
}

/** What `npm start` prints when the application is ready. */
function greeting(config: AppConfig, { address, port, family }: AddressInfo): string {
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
    ...openOutsideProduction(config).map(
      (what, at) => `${at === 0 ? `  Open, because NODE_ENV is ${mode}:\n` : ''}    - ${what}`,
    ),
    '\n',
  ].join('\n');
}
