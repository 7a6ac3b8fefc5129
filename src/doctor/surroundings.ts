import { randomUUID } from 'node:crypto';
import { SkipCheck } from '../reports/index.js';
import { OpenApi } from './open-api.js';
import { createBearerHeader, type ResponseData } from './exchange.js';
import type { SeenCookie, Target } from './target.js';

/** @publicApi */
export interface Credentials {
  email: string;
  password: string;
}

/** @publicApi */
export interface ApiProfileOptions {
  token?: string;
  credentials?: Credentials;
  loginPath?: string;
  /** A GET route that requires authentication. */
  protectedPath?: string;
  openApiPath?: string;
  /** A public GET route with rate limits and a body of 4 kB or more. */
  publicPath?: string;
  livenessPath?: string;
  readinessPath?: string;
}

const COMMON_LOGIN_PATHS = ['/auth/login', '/login', '/api/auth/login', '/api/login', '/auth/signin', '/v1/auth/login'];
const COMMON_PROTECTED_PATHS = [
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

/** Facts about an API that several checks need. Each fact is determined once, when it is first needed. @publicApi */
export class ApiProfile {
  private readonly results = new Map<string, Promise<unknown>>();

  constructor(
    private readonly target: Target,
    private readonly options: ApiProfileOptions,
  ) {}

  getRoot(): Promise<ResponseData> {
    return this.target.get('/');
  }

  /** Returns the response to a path that does not exist. */
  getUnknownPath(): Promise<ResponseData> {
    return this.once('missing', () => this.target.get(`/${randomUUID()}`));
  }

  getOpenApi(): Promise<OpenApi | undefined> {
    return this.once('openapi', () => OpenApi.find(this.target, this.options.openApiPath));
  }

  /** Paths that the caller has named. */
  get namedPaths(): Pick<ApiProfileOptions, 'publicPath' | 'livenessPath' | 'readinessPath'> {
    return this.options;
  }

  /** Returns the path of the login route. @throws SkipCheck */
  async getLoginPath(): Promise<string> {
    const path = await this.once('login', () => this.findLoginPath());
    if (path === undefined) throw new SkipCheck('no login route was found. Pass it with --login-path');
    return path;
  }

  /** Returns a GET route that rejects requests without a token, with its response. @throws SkipCheck */
  async getProtectedRoute(): Promise<{ path: string; answer: ResponseData }> {
    const found = await this.once('closed', () => this.findProtectedRoute());
    if (!found) throw new SkipCheck('no route was found that requires authentication. Pass one with --protected');
    return found;
  }

  /** Returns an access token. @throws SkipCheck, also if the token is withheld */
  async getToken(): Promise<string> {
    const { token } = this.options;
    if (token !== undefined) await this.assertTrusted();
    if (token !== undefined) return token;
    const answer = await this.getLoginResponse();
    const found = findToken(answer.json);
    if (found === undefined) throw new SkipCheck(`the login returned no token (status ${answer.status})`);
    return found;
  }

  /** Returns the response to a login with the right password. @throws SkipCheck */
  getLoginResponse(): Promise<ResponseData> {
    return this.once('login-answer', () => this.logIn());
  }

  /** All cookies that the API has set so far. */
  get cookies(): readonly SeenCookie[] {
    return this.target.cookies;
  }

  /** Returns the credentials for the login. @throws SkipCheck, also if they are withheld */
  async getCredentials(): Promise<Credentials> {
    const { credentials } = this.options;
    if (!credentials) throw new SkipCheck('no credentials. Pass --login');
    await this.assertTrusted();
    return credentials;
  }

  /** Token and password are sent only to an API whose identity is verified. */
  private async assertTrusted(): Promise<void> {
    const reason = await this.target.getWithholdingReason();
    if (reason !== undefined) throw new SkipCheck(reason);
  }

  /** Returns a protected route with a token that it accepts, and its response. @throws SkipCheck */
  async getAuthenticatedRoute(): Promise<{ path: string; token: string; answer: ResponseData }> {
    const [{ path }, token] = [await this.getProtectedRoute(), await this.getToken()];
    const answer = await this.once('opened', () => this.target.send(path, { headers: createBearerHeader(token) }));
    if (answer.status >= 300 || answer.status === 0) {
      throw new SkipCheck(
        `the token is not accepted by ${path} (status ${answer.status}). Pass another route with --protected`,
      );
    }
    return { path, token, answer };
  }

  private async logIn(): Promise<ResponseData> {
    const { credentials } = this.options;
    if (!credentials) throw new SkipCheck('no credentials. Pass --token or --login');
    return this.target.send(await this.getLoginPath(), { method: 'POST', body: await this.getCredentials() });
  }

  private async findLoginPath(): Promise<string | undefined> {
    if (this.options.loginPath !== undefined) return this.options.loginPath;
    const described = (await this.getOpenApi())?.routes.find(
      ({ method, path }) => method === 'POST' && /\/(?:login|log-in|signin|sign-in)$/i.test(path),
    );
    if (described) return described.path;
    for (const path of COMMON_LOGIN_PATHS) {
      const { status } = await this.target.send(path, { method: 'POST', body: {} });
      if ([200, 201, 400, 401, 403, 422].includes(status)) return path;
    }
    return undefined;
  }

  private async findProtectedRoute(): Promise<{ path: string; answer: ResponseData } | undefined> {
    const { protectedPath } = this.options;
    const described = (await this.getOpenApi())?.routes
      .filter(({ method, isSecured, hasParameters }) => method === 'GET' && isSecured && !hasParameters)
      .map(({ path }) => path);
    // Every account can read its own profile. Other routes may also require a role.
    described?.sort((a, b) => Number(isPersonal(b)) - Number(isPersonal(a)));
    const candidates = protectedPath === undefined ? (described ?? []).concat(COMMON_PROTECTED_PATHS) : [protectedPath];
    for (const path of candidates.slice(0, 20)) {
      const answer = await this.target.get(path);
      if (answer.status === 401 || answer.status === 403) return { path, answer };
    }
    return undefined;
  }

  /** Runs `find` once for each key. All checks that need the result share it. */
  once<T>(key: string, find: () => Promise<T>): Promise<T> {
    let found = this.results.get(key) as Promise<T> | undefined;
    if (!found) this.results.set(key, (found = find()));
    return found;
  }
}

const isPersonal = (path: string) => /\/(?:me|profile|account)$/.test(path);

/** Finds the access token in the response to a login, by common field names. */
function findToken(json: unknown): string | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  const fields = json as Record<string, unknown>;
  for (const name of ['accessToken', 'access_token', 'token', 'jwt', 'idToken', 'id_token']) {
    if (typeof fields[name] === 'string') return fields[name];
  }
  return findToken(fields.data);
}
