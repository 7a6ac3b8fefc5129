import { readFileSync } from 'node:fs';
import { runDoctor, createPlan, watchRestart, type DoctorOptions, type DoctorReport } from '../doctor/index.js';
import { createReport, type CheckReport } from '../reports/index.js';
import { defineCommand, UsageError, type CommandValues } from './command.js';
import { REPORT_OPTIONS, createReportWriter } from './report-output.js';

const options = {
  url: { type: 'string', positional: true, argument: 'URL', description: 'address of the API' },
  token: { type: 'string', argument: 'TOKEN', description: 'an access token. @FILE reads it from a file' },
  login: {
    type: 'string',
    argument: 'EMAIL:PASSWORD',
    description: 'an account to log in with. @FILE reads it from a file',
  },
  'login-path': { type: 'string', argument: 'PATH', description: 'the login route, if it is not found automatically' },
  protected: { type: 'string', argument: 'PATH', description: 'a GET route that requires a token, if none is found' },
  openapi: { type: 'string', argument: 'PATH', description: 'the OpenAPI document (JSON), if it is not found' },
  origin: { type: 'string', argument: 'ORIGIN', description: 'an origin that CORS should allow' },
  'http-port': { type: 'string', argument: 'PORT', description: 'port of plain http, if https is not at port 443' },
  only: { type: 'string', argument: 'NAMES', description: 'checks or groups of checks to run, separated by commas' },
  'throttle-requests': {
    type: 'string',
    argument: 'N',
    description: 'maximum number of requests to find a limit (150)',
  },
  'watch-restart': {
    type: 'string',
    argument: 'SECONDS',
    description: 'sends 20 requests a second for this time, while you restart the API',
  },
  local: {
    type: 'boolean',
    description: 'checks configuration, process and build in this folder instead of a URL',
  },
  ...REPORT_OPTIONS,
} as const;

type Values = CommandValues<typeof options>;

export const command = defineCommand({
  options,
  details:
    'Sends requests that any client could send, and prints their maximum number first. Exit codes: 0 if nothing was found, ' +
    '1 if something was found, 64 for a wrong command line, 69 if the API does not respond.',
  async run(values) {
    if (values.local) {
      // Loaded only here, because it loads the whole library. The other checks do not need it.
      const { checkLocally } = await import('./local-examination.js');
      return createReportWriter(values, '.')(await checkLocally());
    }
    const url = parseUrl(values.url);
    const write = createReportWriter(values, url.href);
    const seconds = parseNumber('watch-restart', values['watch-restart']);
    return write(
      seconds === undefined ? await runDoctorChecks(url, values) : await runRestartCheck(url, seconds, values),
    );
  },
});

async function runDoctorChecks(url: URL, values: Values): Promise<DoctorReport> {
  const doctorOptions: DoctorOptions = {
    token: values.token === undefined ? undefined : readArgument(values.token),
    credentials: parseCredentials(values.login),
    loginPath: values['login-path'],
    protectedPath: values.protected,
    openApiPath: values.openapi,
    allowedOrigin: values.origin,
    httpPort: parseNumber('http-port', values['http-port']),
    only: values.only?.split(','),
    throttleRequests: parseNumber('throttle-requests', values['throttle-requests']),
    onProgress: showProgress,
    onSecretsWithheld: (reason) => writeLine(`\n${reason}\n`),
    onWait: (ms) => writeLine(`\nwaiting ${Math.round(ms / 1000)} s because a rate limit of the API is reached\n`),
  };
  const { checks, maxRequests } = createPlan(doctorOptions);
  if (checks.length === 0)
    throw new UsageError(`--only ${values.only} is not the name of a check or a group of checks.`);
  writeLine(`${checks.length} checks, at most ${maxRequests} requests to ${url.origin}\n`);
  return runDoctor(url, doctorOptions);
}

async function runRestartCheck(url: URL, seconds: number, values: Values): Promise<CheckReport> {
  const path = values.protected ?? '/';
  writeLine(`20 requests a second to ${path} for ${seconds} s. Restart the API now.\n`);
  const started = performance.now();
  const startedAt = new Date();
  const result = await watchRestart(url, { durationMs: seconds * 1000, path });
  return createReport([result], startedAt, performance.now() - started);
}

/** Shows a progress bar on a terminal. Shows nothing if the output is a pipe. */
function showProgress({ done, total, next }: { done: number; total: number; next?: string }): void {
  if (!process.stderr.isTTY) return;
  const width = 24;
  const filled = Math.round((width * done) / total);
  const bar = `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`;
  writeLine(`\r\x1b[2K${next === undefined ? '' : `${bar} ${done}/${total} ${next}`}`);
}

/** Writes to standard error, so that the report can be piped. */
const writeLine = (text: string) => void process.stderr.write(text);

function parseUrl(text: string | undefined): URL {
  if (text === undefined) throw new UsageError('URL is missing.\nSee nest-bulwark doctor --help');
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(`"${text}" is not a valid address. Write it like https://api.example.com`);
  }
  return url;
}

function parseNumber(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^[1-9]\d{0,5}$/.test(value))
    throw new UsageError(`--${name} must be a whole number above 0. "${value}" is not allowed.`);
  return Number(value);
}

/** Reads a value from a file if it starts with `@`. All users of the machine can see arguments, but not the file. */
function readArgument(value: string): string {
  if (!value.startsWith('@')) return value;
  try {
    return readFileSync(value.slice(1), 'utf8').trim();
  } catch (error) {
    throw new UsageError(`${value.slice(1)} cannot be read: ${(error as Error).message}`);
  }
}

function parseCredentials(value: string | undefined): { email: string; password: string } | undefined {
  if (value === undefined) return undefined;
  const [, email, password] = /^([^:]+):(.+)$/s.exec(readArgument(value)) ?? [];
  if (email === undefined || password === undefined) throw new UsageError('Write --login as EMAIL:PASSWORD.');
  return { email, password };
}
