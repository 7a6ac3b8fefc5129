import type { Request } from 'autocannon';
import type { LoadAccount } from './accounts.js';

export interface LoadScenario {
  readonly name: string;
  readonly describes: string;
  readonly connections: number;
  readonly seconds: number;
  /** Number of accounts that the scenario needs; none for public routes. */
  readonly accounts: number;
  /** The expected status codes. */
  readonly expected: readonly number[];
  /** The requests of one connection, sent in this order. */
  requests(accounts: readonly LoadAccount[], connection: number): Request[];
}

const json = { 'Content-Type': 'application/json' };
const bearer = ({ token }: LoadAccount) => ({ Authorization: `Bearer ${token}` });
const get = (path: string, account?: LoadAccount): Request => ({
  method: 'GET',
  path,
  headers: account ? bearer(account) : {},
});

function one(accounts: readonly LoadAccount[], connection: number): LoadAccount {
  const account = accounts[connection % accounts.length];
  if (!account) throw new Error('the scenario has no account');
  return account;
}

const reads = (account: LoadAccount) => [
  get('/auth/profile', account),
  get('/auth/profile', account),
  get('/auth/sessions', account),
  get('/health/live'),
];

const rename = (account: LoadAccount, name: string): Request => ({
  method: 'PATCH',
  path: '/auth/profile',
  headers: { ...bearer(account), ...json },
  body: JSON.stringify({ name }),
});

export const LOAD_SCENARIOS: readonly LoadScenario[] = [
  {
    name: 'health',
    describes: 'the liveness probe',
    connections: 50,
    seconds: 10,
    accounts: 0,
    expected: [200],
    requests: () => [get('/health/live')],
  },
  {
    name: 'login',
    describes: 'logins with the right password; hashing is what they cost',
    connections: 20,
    seconds: 10,
    accounts: 20,
    expected: [200],
    requests: (accounts, connection) => {
      const { email, password } = one(accounts, connection);
      return [{ method: 'POST', path: '/auth/login', headers: json, body: JSON.stringify({ email, password }) }];
    },
  },
  {
    name: 'read',
    describes: 'profiles, sessions and probes, three of four authenticated',
    connections: 50,
    seconds: 10,
    accounts: 20,
    expected: [200],
    requests: (accounts, connection) => reads(one(accounts, connection)),
  },
  {
    name: 'write',
    describes: 'changes of names, each read back',
    connections: 50,
    seconds: 10,
    accounts: 20,
    expected: [200],
    requests: (accounts, connection) => {
      const account = one(accounts, connection);
      return [rename(account, `Name ${connection}`), get('/auth/profile', account)];
    },
  },
  {
    name: 'concurrency',
    describes: 'the reads over 200 connections',
    connections: 200,
    seconds: 10,
    accounts: 50,
    expected: [200],
    requests: (accounts, connection) => reads(one(accounts, connection)),
  },
  {
    name: 'audit',
    describes: 'refused requests, each of which is recorded before it is answered',
    connections: 50,
    seconds: 10,
    accounts: 20,
    expected: [403],
    requests: (accounts, connection) => [get('/admin/users', one(accounts, connection))],
  },
  {
    name: 'soak',
    describes: 'reads and writes for half an hour',
    connections: 20,
    seconds: 1_800,
    accounts: 20,
    expected: [200],
    requests: (accounts, connection) => {
      const account = one(accounts, connection);
      return [...reads(account), rename(account, `Name ${connection}`)];
    },
  },
];
