import { randomUUID } from 'node:crypto';

export interface LoadAccount {
  email: string;
  password: string;
  token: string;
}

const AT_ONCE = 4;

async function post(url: URL, path: string, body: object, token?: string): Promise<Response> {
  const headers = {
    'Content-Type': 'application/json',
    ...(token !== undefined && { Authorization: `Bearer ${token}` }),
  };
  return fetch(new URL(path, url), { method: 'POST', headers, body: JSON.stringify(body) });
}

/** Registers accounts with a domain that cannot receive mail (RFC 2606). */
export async function makeAccounts(url: URL, count: number): Promise<LoadAccount[]> {
  const accounts: LoadAccount[] = [];
  while (accounts.length < count) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - accounts.length) }, async () => {
      const [email, password] = [`${randomUUID()}@loadtest.invalid`, randomUUID()];
      const answer = await post(url, '/auth/register', { email, password, name: 'Load test' });
      if (answer.status !== 201) {
        throw new Error(
          `Registration is answered ${answer.status}: ${await answer.text()}\n` +
            '  → start the application with limits that fit a load test, such as THROTTLE_AUTH_LIMIT=100000 ' +
            'THROTTLE_DEFAULT_LIMIT=100000000',
        );
      }
      const { accessToken } = (await answer.json()) as { accessToken: string };
      return { email, password, token: accessToken };
    });
    accounts.push(...(await Promise.all(batch)));
  }
  return accounts;
}

/** Deletes the accounts by the route that every user has. Returns how many remain. */
export async function deleteAccounts(url: URL, accounts: readonly LoadAccount[]): Promise<number> {
  let left = 0;
  for (const { email, password } of accounts) {
    const login = await post(url, '/auth/login', { email, password });
    const { accessToken } = (await login.json()) as { accessToken?: string };
    const answer = await post(url, '/auth/delete-account', { currentPassword: password }, accessToken);
    if (!answer.ok) left += 1;
  }
  return left;
}
