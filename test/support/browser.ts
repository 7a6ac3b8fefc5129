import type { Answer, Call, TestClient } from './client.js';

const CSRF_ROUTE = '/auth/csrf';

/**
 * A client that stores cookies like a browser. Its own pages send the CSRF token with each change. To simulate a page
 * of another site, a test adds to `headers` what the browser would send for that page.
 */
export class Browser {
  private readonly jar = new Map<string, string>();
  csrfToken: string | undefined;

  constructor(private readonly client: TestClient) {}

  get = (path: string, call: Call = {}) => this.send('GET', path, call);

  /** Gets a CSRF token first if it has none. */
  post = async (path: string, body?: unknown, call: Call = {}): Promise<Answer> => {
    if (this.csrfToken === undefined) await this.get(CSRF_ROUTE);
    const headers = { 'X-CSRF-Token': this.csrfToken ?? '', ...call.headers };
    return this.send('POST', path, { ...call, body, headers });
  };

  async send(method: string, path: string, call: Call = {}): Promise<Answer> {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await this.client.send(method, path, {
      ...call,
      headers: { ...(cookie !== '' && { Cookie: cookie }), ...call.headers },
    });
    for (const line of answer.headers['set-cookie'] ?? []) this.keep(line);
    const token: unknown = answer.body?.csrfToken;
    if (typeof token === 'string') this.csrfToken = token;
    return answer;
  }

  cookie(name: string): string | undefined {
    return this.jar.get(name);
  }

  names(): string[] {
    return [...this.jar.keys()];
  }

  set(name: string, value: string): void {
    this.jar.set(name, value);
  }

  private keep(line: string): void {
    const [pair = ''] = line.split(';', 1);
    const at = pair.indexOf('=');
    if (/; Max-Age=0(?:;|$)/.test(line)) this.jar.delete(pair.slice(0, at));
    else this.jar.set(pair.slice(0, at), pair.slice(at + 1));
  }
}
