import { Injectable } from '@nestjs/common';
import { HttpAdapterHost, type AbstractHttpAdapter } from '@nestjs/core';
import { AppConfig, developmentSecret } from '../config/index.js';
import type { AuthSettings } from '../auth/index.js';
import type { ThrottlerSettings } from '../throttler/index.js';
import type { ConfigurationFacts, MailFacts, TierFacts } from './checks/configuration.facts.js';
import type { RuleReport } from './checks/rule.js';
import { ImportedModules, type SuiteProvider } from './imported-modules.js';
import { SUITE } from './suite-providers.js';

const APP_CONFIG: SuiteProvider<AppConfig> = { module: 'ConfigModule', load: () => Promise.resolve(AppConfig) };

/**
 * Reads the settings that the modules use: those that the application passed to them, from the environment or not. Only
 * settings that belong to no module come from the environment.
 */
@Injectable()
export class EffectiveSettings {
  constructor(
    private readonly modules: ImportedModules,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  /** The configuration from the environment, if the application uses it. */
  findConfig(): Promise<AppConfig | undefined> {
    return this.modules.find(APP_CONFIG);
  }

  async isProduction(): Promise<boolean> {
    return (await this.findConfig())?.isProduction ?? process.env.NODE_ENV === 'production';
  }

  /** How the results of rules are reported. A development machine need not fulfil the rules. */
  async readReport(): Promise<RuleReport> {
    return { isLenient: !(await this.isProduction()), namesVariables: (await this.findConfig()) !== undefined };
  }

  /** Like {@link readReport}, for rules that apply outside production too. */
  async readStrictReport(): Promise<RuleReport> {
    return { ...(await this.readReport()), isLenient: false };
  }

  /** Folder of the data of this process, such as the journal of audit events. */
  async findDataDir(): Promise<string> {
    const settings = await this.modules.find(SUITE.databaseSettings);
    return settings?.dataDir ?? (await this.findConfig())?.database.dataDir ?? '.';
  }

  async readFacts(): Promise<ConfigurationFacts> {
    const { modules } = this;
    const config = await this.findConfig();
    const auth = await modules.find(SUITE.authSettings);
    const security = await modules.find(SUITE.securitySettings);
    const throttler = await modules.find(SUITE.throttlerSettings);
    const observability = await modules.find(SUITE.observabilityOptions);
    return {
      isProduction: await this.isProduction(),
      mode: config?.mode ?? process.env.NODE_ENV ?? 'development',
      http: { host: this.findHost(), trustProxy: findTrustProxy(this.adapterHost.httpAdapter, config) },
      security: security && { corsOrigins: security.cors?.origins ?? [], bodyLimitBytes: security.limits.bodyBytes },
      auth: auth && { ...auth, secret: isDevelopmentSecret(auth, config) ? undefined : auth.secret },
      mail: auth && (await describeMail(auth)),
      database: await modules.find(SUITE.databaseSettings),
      redis: await modules.find(SUITE.redisOptions),
      metrics: observability && { token: observability.metricsToken },
      throttle: throttler && { default: findTier(throttler, 'default'), auth: findTier(throttler, 'auth') },
      throttling: throttler,
      audit: await modules.find(SUITE.auditSettings),
      log: config?.log,
      shutdown: await modules.find(SUITE.shutdownSettings),
    };
  }

  private findHost(): string | undefined {
    const server = this.adapterHost.httpAdapter.getHttpServer() as { address(): { address: string } | string | null };
    const address = server.address();
    return typeof address === 'object' ? address?.address : undefined;
  }
}

/** The secret that `fromEnvironment()` makes for a development machine. It is in a file, so it is not a configured one. */
function isDevelopmentSecret({ secret }: AuthSettings, config: AppConfig | undefined): boolean {
  if (secret === undefined || config === undefined || config.isProduction) return false;
  if (config.auth.secret !== undefined) return false;
  return secret === developmentSecret(config.database.dataDir);
}

async function describeMail({ mailSender }: AuthSettings): Promise<MailFacts> {
  const { FileMailSender, LogMailSender, NoMailSender, SmtpMailSender } = await import('../auth/index.js');
  if (mailSender instanceof SmtpMailSender) return mailSender.connection;
  const sendsNothing = [FileMailSender, LogMailSender, NoMailSender].some((type) => mailSender instanceof type);
  return { url: undefined, requireTls: false, isCustom: mailSender !== undefined && !sendsNothing };
}

function findTier({ tiers }: ThrottlerSettings, name: string): TierFacts | undefined {
  const tier = tiers.find((one) => one.name === name);
  return tier && { limit: toNumber(tier.limit), ttlMs: toNumber(tier.ttlMs) };
}

const toNumber = (value: unknown) => (typeof value === 'number' ? value : undefined);

/** Express knows its setting. Fastify does not show it, so there it is the one that the configuration gives it. */
function findTrustProxy(
  adapter: AbstractHttpAdapter,
  config: AppConfig | undefined,
): ConfigurationFacts['http']['trustProxy'] {
  if (config) return config.http.trustProxy;
  if (adapter.getType() !== 'express') return undefined;
  const setting = (adapter.getInstance() as { get(name: string): unknown }).get('trust proxy');
  if (setting === true) return ['0.0.0.0/0'];
  if (typeof setting === 'number' || setting === false) return setting;
  return Array.isArray(setting) ? (setting as string[]) : undefined;
}
