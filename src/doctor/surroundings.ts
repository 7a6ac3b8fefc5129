import { randomUUID } from 'node:crypto';
import { SkipCheck } from '../reports/index.js';
import { OpenApi } from './open-api.js';
import { bearer, type Answer } from './exchange.js';
import type { SeenCookie, Target } from './target.js';

export interface Credentials {
  email: string;
  password: string;
}

export interface SurroundingsOptions {
  token?: string;
  credentials?: Credentials;
  loginPath?: string;
  /** A path that only authenticated callers may read. */
  protectedPath?: string;
  openApiPath?: string;
}

const USUAL_LOGINS = ['/auth/login', '/login', '/api/auth/login', '/api/login', '/auth/signin', '/v1/auth/login'];
const USUAL_CLOSED = [
  '/auth/profile',
  '/auth/me',
  '/me',
  '/users/me',
  '/profile',
  '/user',
  '/users',
  '/api/me',
  '/v1/auth/profile',
];

/** What the checks need to know of an API, each found out when first asked for, and once. */
export class Surroundings {
  private readonly known = new Map<string, Promise<unknown>>();

  constructor(
    private readonly target: Target,
    private readonly options: SurroundingsOptions,
  ) {}

  root(): Promise<Answer> {
    return this.target.get('/');
  }

  /** The answer to a path that cannot exist. */
  missing(): Promise<Answer> {
    return this.once('missing', () => this.target.get(`/${randomUUID()}`));
  }

  openApi(): Promise<OpenApi | undefined> {
    return this.once('openapi', () => OpenApi.find(this.target, this.options.openApiPath));
  }

  /** A route that takes JSON from everybody; a login if there is one. @throws SkipCheck */
  async login(): Promise<string> {
    const path = await this.once('login', () => this.findLogin());
    if (path === undefined) throw new SkipCheck('no login route was found; name it with --login-path');
    return path;
  }

  /** A GET route that turns away who brings no token. @throws SkipCheck */
  async closed(): Promise<{ path: string; answer: Answer }> {
    const found = await this.once('closed', () => this.findClosed());
    if (!found) throw new SkipCheck('no route was found that asks for authentication; name one with --protected');
    return found;
  }

  /** An access token. @throws SkipCheck, also where it is withheld */
  async token(): Promise<string> {
    const { token } = this.options;
    if (token !== undefined) await this.assertTrusted();
    if (token !== undefined) return token;
    const answer = await this.loginAnswer();
    const found = tokenIn(answer.json);
    if (found === undefined) throw new SkipCheck(`the login gave no token (status ${answer.status})`);
    return found;
  }

  /** The answer to a login with the right password. @throws SkipCheck */
  loginAnswer(): Promise<Answer> {
    return this.once('login-answer', () => this.logIn());
  }

  /** Cookies that came with all this. */
  get cookies(): readonly SeenCookie[] {
    return this.target.cookies;
  }

  /** What to log in with. @throws SkipCheck, also where it is withheld */
  async credentials(): Promise<Credentials> {
    const { credentials } = this.options;
    if (!credentials) throw new SkipCheck('no credentials; pass --login');
    await this.assertTrusted();
    return credentials;
  }

  /** Token and password go to nobody but the API that the caller named. */
  private async assertTrusted(): Promise<void> {
    const reason = await this.target.secretsWithheld();
    if (reason !== undefined) throw new SkipCheck(reason);
  }

  /** A closed route with a token that is good for it. @throws SkipCheck */
  async opened(): Promise<{ path: string; token: string; answer: Answer }> {
    const [{ path }, token] = [await this.closed(), await this.token()];
    const answer = await this.once('opened', () => this.target.send(path, { headers: bearer(token) }));
    if (answer.status >= 300 || answer.status === 0) {
      throw new SkipCheck(`the token does not open ${path} (status ${answer.status}); name another with --protected`);
    }
    return { path, token, answer };
  }

  private async logIn(): Promise<Answer> {
    const { credentials } = this.options;
    if (!credentials) throw new SkipCheck('no credentials; pass --token or --login');
    return this.target.send(await this.login(), { method: 'POST', body: await this.credentials() });
  }

  private async findLogin(): Promise<string | undefined> {
    if (this.options.loginPath !== undefined) return this.options.loginPath;
    const described = (await this.openApi())?.routes.find(
      ({ method, path }) => method === 'POST' && /\/(?:login|log-in|signin|sign-in)$/i.test(path),
    );
    if (described) return described.path;
    for (const path of USUAL_LOGINS) {
      const { status } = await this.target.send(path, { method: 'POST', body: {} });
      if ([200, 201, 400, 401, 403, 422].includes(status)) return path;
    }
    return undefined;
  }

  private async findClosed(): Promise<{ path: string; answer: Answer } | undefined> {
    const { protectedPath } = this.options;
    const described = (await this.openApi())?.routes
      .filter(({ method, isSecured, hasParameters }) => method === 'GET' && isSecured && !hasParameters)
      .map(({ path }) => path);
    // A person's own page opens for every account; others may also ask for a role.
    described?.sort((a, b) => Number(isPersonal(b)) - Number(isPersonal(a)));
    const candidates = protectedPath === undefined ? (described ?? []).concat(USUAL_CLOSED) : [protectedPath];
    for (const path of candidates.slice(0, 20)) {
      const answer = await this.target.get(path);
      if (answer.status === 401 || answer.status === 403) return { path, answer };
    }
    return undefined;
  }

  /** Does something once for all checks that need it. */
  once<T>(key: string, find: () => Promise<T>): Promise<T> {
    let found = this.known.get(key) as Promise<T> | undefined;
    if (!found) this.known.set(key, (found = find()));
    return found;
  }
}

const isPersonal = (path: string) => /\/(?:me|profile|account)$/.test(path);

/** The access token of a login's answer, by the names that are in use. */
function tokenIn(json: unknown): string | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  const fields = json as Record<string, unknown>;
  for (const name of ['accessToken', 'access_token', 'token', 'jwt', 'idToken', 'id_token']) {
    if (typeof fields[name] === 'string') return fields[name];
  }
  return tokenIn(fields.data);
}
