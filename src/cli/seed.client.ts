import type { SeedApiKey, SeedUser } from './seed.data.js';

interface Account {
  readonly id: string;
  readonly token: string;
}

type TenantIds = ReadonlyMap<string, string>;

/** Fills the application through its own routes, so that the audit trail has the same events as in real use. */
export class SeedClient {
  constructor(
    private readonly baseUrl: string,
    private readonly password: string,
  ) {}

  async logIn(email: string): Promise<Account> {
    const { user, accessToken } = await this.send<LoginView>('POST', '/auth/login', undefined, {
      email,
      password: this.password,
    });
    return { id: user.id, token: accessToken };
  }

  /** Ids of the tenants by their names; makes those that are missing. */
  async ensureTenants({ token }: Account, names: readonly string[]): Promise<TenantIds> {
    const ids = new Map<string, string>();
    for (let cursor: string | null = ''; cursor !== null;) {
      const query: string = cursor === '' ? '' : `?cursor=${encodeURIComponent(cursor)}`;
      const page: TenantPage = await this.send('GET', `/admin/tenants${query}`, token);
      for (const { id, name } of page.tenants) if (names.includes(name)) ids.set(name, id);
      cursor = page.next;
    }
    for (const name of names.filter((one) => !ids.has(one))) {
      const { id } = await this.send<{ id: string }>('POST', '/admin/tenants', token, { name });
      ids.set(name, id);
    }
    return ids;
  }

  /** Registers a user, has one login fail, and has the administrator give the roles. */
  async createUser(admin: Account, { email, name, roles, tenants, isLocked }: SeedUser, ids: TenantIds): Promise<void> {
    const { user } = await this.send<LoginView>('POST', '/auth/register', undefined, {
      email,
      name,
      password: this.password,
    });
    await this.request('POST', '/auth/login', undefined, { email, password: 'not the password' });
    await this.send('PATCH', `/admin/users/${user.id}`, admin.token, {
      roles,
      tenants: Object.entries(tenants).map(([tenant, own]) => ({ id: ids.get(tenant), roles: own })),
      ...(isLocked === true && { locked: true }),
    });
  }

  /** The key, or undefined where its owner has one of this name. */
  async ensureApiKey({ name, owner, tenant, permissions }: SeedApiKey, ids: TenantIds): Promise<string | undefined> {
    const { token } = await this.logIn(owner);
    const { keys } = await this.send<{ keys: { name: string }[] }>('GET', '/api-keys', token);
    if (keys.some((key) => key.name === name)) return undefined;
    const { accessToken } = await this.send<LoginView>('POST', '/auth/switch-tenant', token, {
      tenantId: ids.get(tenant),
    });
    const { key } = await this.send<{ key: string }>('POST', '/api-keys', accessToken, { name, permissions });
    return key;
  }

  private async send<T>(method: string, path: string, token?: string, body?: unknown): Promise<T> {
    const response = await this.request(method, path, token, body);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  private request(method: string, path: string, token?: string, body?: unknown): Promise<Response> {
    return fetch(`${this.baseUrl}${path}`, {
      method,
      headers: {
        'Content-Type': 'application/json',
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }
}

interface LoginView {
  readonly user: { readonly id: string };
  readonly accessToken: string;
}

interface TenantPage {
  readonly tenants: readonly { readonly id: string; readonly name: string }[];
  readonly next: string | null;
}
