import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { checksCertificates, loadConfig, readEnvironment, type AppConfig } from '../config/index.js';
import { readLoginAt } from '../database/index.js';
import {
  apply,
  CONFIGURATION_RULES,
  DATABASE_LOGIN_RULES,
  runtimeFacts,
  RUNTIME_RULES,
  type LoginFacts,
  type Rule,
} from '../production-test/index.js';
import { reportOf, timed, type CheckReport } from '../reports/index.js';

const LOGIN_TIMEOUT_MS = 2_000;

/** What can be seen of a build in a folder. */
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
    title: 'The build is newer than its sources',
    reference: 'Nest: nest build',
    remedy: 'Run npm run build again.',
    holds: ({ builtAt, changedAt }) =>
      builtAt === undefined || changedAt === undefined ? 'there are no sources, or no build' : builtAt >= changedAt,
  },
  {
    name: 'build.development-packages',
    title: 'Packages for development are not deployed',
    reference: 'OWASP ASVS 5.0 V15.2.3',
    remedy: 'Install with npm ci --omit=dev, as Dockerfile.prod does.',
    otherwise: 'warn',
    holds: ({ hasDevelopmentPackages, isProduction }) => (isProduction ? !hasDevelopmentPackages : 'not in production'),
  },
  {
    name: 'build.environment-file',
    title: 'No .env file is deployed',
    reference: 'OWASP ASVS 5.0 V13.3.1',
    remedy: 'Give secrets by the platform, or as files by NAME_FILE; production does not read .env anyway.',
    otherwise: 'warn',
    holds: ({ hasEnvironmentFile, isProduction }) => (isProduction ? !hasEnvironmentFile : 'not in production'),
  },
];

/** Judges a configuration by its rules, and the login to the database, where that answers. */
export async function examineConfiguration(config: AppConfig): Promise<CheckReport> {
  const rules: Judgement[] = [
    [CONFIGURATION_RULES, config],
    [DATABASE_LOGIN_RULES, await loginFacts(config)],
  ];
  return judged(rules, !config.isProduction);
}

async function loginFacts({ database: { url } }: AppConfig): Promise<LoginFacts> {
  if (url === undefined) return { unknown: 'the embedded server makes an ordinary role of its own' };
  const login = await readLoginAt(url, LOGIN_TIMEOUT_MS).catch(() => undefined);
  return login ? { login } : { unknown: 'the database does not answer from here' };
}

/** Judges the configuration, the process and the build in a folder, with nothing that listens. @throws ConfigError */
export async function examineLocally(folder = process.cwd()): Promise<CheckReport> {
  const { config } = loadConfig(readEnvironment());
  const runtime = await runtimeFacts(config.database.dataDir, checksCertificates());
  // Nothing runs here that could take part in a shutdown.
  const rules = RUNTIME_RULES.filter(({ name }) => name !== 'shutdown.signals');
  const build = buildFacts(folder, config.isProduction);
  return judged(
    [
      [CONFIGURATION_RULES, config],
      [rules, runtime],
      [BUILD_RULES, build],
    ],
    !config.isProduction,
  );
}

// Each set of rules stands beside the facts that it is about.
type Judgement = readonly [rules: readonly Rule<never>[], facts: unknown];

async function judged(judgements: readonly Judgement[], lenient: boolean): Promise<CheckReport> {
  const started = performance.now();
  const startedAt = new Date();
  const results = judgements.flatMap(([rules, facts]) =>
    rules.map((rule) => timed(rule, () => Promise.resolve(apply(rule, facts as never, lenient)))),
  );
  return reportOf(await Promise.all(results), startedAt, performance.now() - started);
}

function buildFacts(folder: string, isProduction: boolean): BuildFacts {
  return {
    builtAt: newest(join(folder, 'dist')),
    changedAt: newest(join(folder, 'src')),
    hasDevelopmentPackages: existsSync(join(folder, 'node_modules', 'typescript')),
    hasEnvironmentFile: existsSync(join(folder, '.env')),
    isProduction,
  };
}

/** Time of the newest file below a folder, in milliseconds. */
function newest(folder: string): number | undefined {
  if (!existsSync(folder)) return undefined;
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const times = files.map(({ parentPath, name }) => statSync(join(parentPath, name)).mtimeMs);
  return times.length === 0 ? undefined : Math.max(...times);
}
