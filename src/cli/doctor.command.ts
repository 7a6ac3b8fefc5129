import { readFileSync } from 'node:fs';
import { examine, planOf, watchRestart, type DoctorOptions, type DoctorReport } from '../doctor/index.js';
import { reportOf, type CheckReport } from '../reports/index.js';
import { defineCommand, UsageError, type CommandValues } from './command.js';
import { REPORT_OPTIONS, reportWriter } from './report-output.js';

const options = {
  url: { type: 'string', positional: true, argument: 'URL', describes: 'where the API is' },
  token: { type: 'string', argument: 'TOKEN', describes: 'an access token; @FILE reads it from a file' },
  login: { type: 'string', argument: 'EMAIL:PASSWORD', describes: 'an account to log in with; @FILE reads both' },
  'login-path': { type: 'string', argument: 'PATH', describes: 'the login route, where it is not found' },
  protected: { type: 'string', argument: 'PATH', describes: 'a GET route that asks for a token, where none is found' },
  openapi: { type: 'string', argument: 'PATH', describes: 'the OpenAPI document (JSON), where it is not found' },
  origin: { type: 'string', argument: 'ORIGIN', describes: 'an origin that CORS is meant to let in' },
  'http-port': { type: 'string', argument: 'PORT', describes: 'where plain http is, if https is not at port 443' },
  only: { type: 'string', argument: 'NAMES', describes: 'checks or groups of checks to run, with commas between' },
  'throttle-requests': { type: 'string', argument: 'N', describes: 'most requests to find a limit (150)' },
  'watch-restart': {
    type: 'string',
    argument: 'SECONDS',
    describes: 'sends 20 requests a second meanwhile, for you to restart the API',
  },
  local: {
    type: 'boolean',
    describes: 'judges configuration, process and build in this folder instead, without a URL',
  },
  ...REPORT_OPTIONS,
} as const;

type Values = CommandValues<typeof options>;

export const command = defineCommand({
  options,
  details:
    'Sends requests that any client could send, tells beforehand how many, and attacks nothing. Ends with 0 when all is ' +
    'well, 1 when something was found, 64 for a wrong command line, 69 when nothing answers.',
  async run(values) {
    if (values.local) {
      // Loaded here, because it brings the whole library along, and the rest needs none of it.
      const { examineLocally } = await import('./local-examination.js');
      return reportWriter(values, '.')(await examineLocally());
    }
    const url = urlOf(values.url);
    const write = reportWriter(values, url.href);
    const seconds = numberOf('watch-restart', values['watch-restart']);
    return write(seconds === undefined ? await examination(url, values) : await restart(url, seconds, values));
  },
});

async function examination(url: URL, values: Values): Promise<DoctorReport> {
  const doctorOptions: DoctorOptions = {
    token: values.token === undefined ? undefined : contentOf(values.token),
    credentials: credentialsOf(values.login),
    loginPath: values['login-path'],
    protectedPath: values.protected,
    openApiPath: values.openapi,
    allowedOrigin: values.origin,
    httpPort: numberOf('http-port', values['http-port']),
    only: values.only?.split(','),
    throttleRequests: numberOf('throttle-requests', values['throttle-requests']),
    onProgress: showProgress,
    onWithheld: (reason) => say(`\n${reason}\n`),
    onWait: (ms) => say(`\nwaiting ${Math.round(ms / 1000)} s: the limit of the API is used up\n`),
  };
  const { checks, mostRequests } = planOf(doctorOptions);
  if (checks.length === 0) throw new UsageError(`--only ${values.only} names no check and no group of checks.`);
  say(`${checks.length} checks, at most ${mostRequests} requests to ${url.origin}\n`);
  return examine(url, doctorOptions);
}

async function restart(url: URL, seconds: number, values: Values): Promise<CheckReport> {
  const path = values.protected ?? '/';
  say(`20 requests a second to ${path} for ${seconds} s. Restart the API now.\n`);
  const started = performance.now();
  const startedAt = new Date();
  const result = await watchRestart(url, { durationMs: seconds * 1000, path });
  return reportOf([result], startedAt, performance.now() - started);
}

/** A line that is written over, on a terminal; nothing in a pipe. */
function showProgress({ done, of, next }: { done: number; of: number; next?: string }): void {
  if (!process.stderr.isTTY) return;
  const width = 24;
  const filled = Math.round((width * done) / of);
  const bar = `${'█'.repeat(filled)}${'░'.repeat(width - filled)}`;
  say(`\r\x1b[2K${next === undefined ? '' : `${bar} ${done}/${of} ${next}`}`);
}

/** To standard error, so that the report can be piped. */
const say = (text: string) => void process.stderr.write(text);

function urlOf(text: string | undefined): URL {
  if (text === undefined) throw new UsageError('URL is missing.\nSee nest-bulwark doctor --help');
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(`"${text}" is not an address such as https://api.example.com`);
  }
  return url;
}

function numberOf(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^[1-9]\d{0,5}$/.test(value)) throw new UsageError(`--${name} is a whole number above 0, not "${value}".`);
  return Number(value);
}

/** Arguments can be seen by every user of the machine; a file need not. */
function contentOf(value: string): string {
  if (!value.startsWith('@')) return value;
  try {
    return readFileSync(value.slice(1), 'utf8').trim();
  } catch (error) {
    throw new UsageError(`${value.slice(1)} cannot be read: ${(error as Error).message}`);
  }
}

function credentialsOf(value: string | undefined): { email: string; password: string } | undefined {
  if (value === undefined) return undefined;
  const [, email, password] = /^([^:]+):(.+)$/s.exec(contentOf(value)) ?? [];
  if (email === undefined || password === undefined) throw new UsageError('--login is EMAIL:PASSWORD.');
  return { email, password };
}
