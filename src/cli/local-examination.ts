import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { checksCertificates, loadConfig, readEnvironment, type AppConfig } from '../config/index.js';
import { readLoginAt } from '../database/index.js';
import {
  applyRule,
  CONFIGURATION_RULES,
  DATABASE_LOGIN_RULES,
  readRuntimeFacts,
  readFactsOfConfig,
  RUNTIME_RULES,
  type LoginFacts,
  type Rule,
} from '../production-test/index.js';
import { createReport, runCheck, type CheckReport } from '../reports/index.js';

const LOGIN_TIMEOUT_MS = 2_000;

/** Facts about the build in a folder. */
export interface BuildFacts {
  builtAt: number | undefined;
  changedAt: number | undefined;
  hasDevelopmentPackages: boolean;
  hasEnvironmentFile: boolean;
  isProduction: boolean;
}

export const BUILD_RULES: readonly Rule<BuildFacts>[] = [
  {
    name: 'build.present',
    title: 'The application is built',
    reference: 'Nest: nest build',
    remedy: 'Run npm run build.',
    holds: ({ builtAt }) => builtAt !== undefined,
  },
  {
    name: 'build.fresh',
    title: 'The build is newer than the sources',
    reference: 'Nest: nest build',
    remedy: 'Run npm run build again.',
    holds: ({ builtAt, changedAt }) =>
      builtAt === undefined || changedAt === undefined ? 'there are no sources or no build' : builtAt >= changedAt,
  },
  {
    name: 'build.development-packages',
    title: 'Development packages are not deployed',
    reference: 'OWASP ASVS 5.0 V15.2.3',
    remedy: 'Install with npm ci --omit=dev, as Dockerfile.prod does.',
    otherwise: 'warn',
    holds: ({ hasDevelopmentPackages, isProduction }) => (isProduction ? !hasDevelopmentPackages : 'not in production'),
  },
  {
    name: 'build.environment-file',
    title: 'No .env file is deployed',
    reference: 'OWASP ASVS 5.0 V13.3.1',
    remedy: 'Pass secrets through the platform, or as files by NAME_FILE. In production, .env is not read.',
    otherwise: 'warn',
    holds: ({ hasEnvironmentFile, isProduction }) => (isProduction ? !hasEnvironmentFile : 'not in production'),
  },
];

/** Checks the configuration, and the database login if the database responds. */
export async function checkConfiguration(config: AppConfig): Promise<CheckReport> {
  const rules: RulesWithFacts[] = [
    [CONFIGURATION_RULES, readFactsOfConfig(config)],
    [DATABASE_LOGIN_RULES, await readLoginFacts(config)],
  ];
  return applyRules(rules, !config.isProduction);
}

async function readLoginFacts({ database: { url } }: AppConfig): Promise<LoginFacts> {
  if (url === undefined) return { unknown: 'the embedded server creates its own ordinary role' };
  const login = await readLoginAt(url, LOGIN_TIMEOUT_MS).catch(() => undefined);
  return login ? { login } : { unknown: 'the database does not respond' };
}

/** Checks the configuration, the process and the build in a folder, without a running application. @throws ConfigError */
export async function checkLocally(folder = process.cwd()): Promise<CheckReport> {
  const { config } = loadConfig(readEnvironment());
  const runtime = await readRuntimeFacts(config.database.dataDir, checksCertificates());
  // The application does not run, so it cannot handle signals.
  const rules = RUNTIME_RULES.filter(({ name }) => name !== 'shutdown.signals');
  const build = readBuildFacts(folder, config.isProduction);
  return applyRules(
    [
      [CONFIGURATION_RULES, readFactsOfConfig(config)],
      [rules, runtime],
      [BUILD_RULES, build],
    ],
    !config.isProduction,
  );
}

// Each set of rules has its own type of facts.
type RulesWithFacts = readonly [rules: readonly Rule<never>[], facts: unknown];

async function applyRules(judgements: readonly RulesWithFacts[], lenient: boolean): Promise<CheckReport> {
  const started = performance.now();
  const startedAt = new Date();
  const results = judgements.flatMap(([rules, facts]) =>
    rules.map((rule) => runCheck(rule, () => Promise.resolve(applyRule(rule, facts as never, lenient, true)))),
  );
  return createReport(await Promise.all(results), startedAt, performance.now() - started);
}

function readBuildFacts(folder: string, isProduction: boolean): BuildFacts {
  return {
    builtAt: getNewestTimeMs(join(folder, 'dist')),
    changedAt: getNewestTimeMs(join(folder, 'src')),
    hasDevelopmentPackages: existsSync(join(folder, 'node_modules', 'typescript')),
    hasEnvironmentFile: existsSync(join(folder, '.env')),
    isProduction,
  };
}

/** Time of the newest file below a folder, in milliseconds. */
function getNewestTimeMs(folder: string): number | undefined {
  if (!existsSync(folder)) return undefined;
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const times = files.map(({ parentPath, name }) => statSync(join(parentPath, name)).mtimeMs);
  return times.length === 0 ? undefined : Math.max(...times);
}
