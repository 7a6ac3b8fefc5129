import { createSecretKey, randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AdapterRequest } from '../../context/index.js';
import { authSettings } from '../auth.options.js';
import type { SigningKey } from '../tokens/signing-key.js';
import { DEVICE_COOKIE, DeviceCookies } from './device-cookie.js';

function cookiesOf(key = createSecretKey(randomBytes(32)), deviceCookies = true) {
  let value = '';
  const httpAdapter = { setCookie: (_response: unknown, _name: string, given: string) => void (value = given) };
  const settings = authSettings({ deviceCookies });
  // The hash of the password of every account of this spec.
  const password = { hash: 'first' };
  const users = { findForLogin: async () => ({ passwordHash: password.hash }) };
  const cookies = new DeviceCookies(settings, { sign: key } as SigningKey, { httpAdapter } as never, users as never);
  const requestWith = (cookie: string) => ({ headers: { cookie: `${DEVICE_COOKIE}=${cookie}` } }) as AdapterRequest;
  const issue = async (account: string, present = '') => {
    await cookies.remember(requestWith(present), {}, account);
    return value;
  };
  return { cookies, issue, requestWith, password };
}

describe('a device cookie', () => {
  afterEach(() => void vi.useRealTimers());

  it('is good for its account, and for no other', async () => {
    const { cookies, issue } = cookiesOf();
    const cookie = await issue('owner@example.com');
    expect(await cookies.deviceOf(cookie, 'owner@example.com')).toMatch(/^[\w-]{22}$/);
    expect(await cookies.deviceOf(cookie, 'other@example.com')).toBeUndefined();
    expect(Buffer.from(cookie.replaceAll('.', ''), 'base64url').toString()).not.toContain('owner');
  });

  it('is void once the password has changed', async () => {
    const { cookies, issue, password } = cookiesOf();
    const cookie = await issue('owner@example.com');
    expect(await cookies.deviceOf(cookie, 'owner@example.com')).toBeDefined();
    password.hash = 'second';
    expect(await cookies.deviceOf(cookie, 'owner@example.com')).toBeUndefined();
  });

  it('keeps the id of the device at the next login, unless it was void', async () => {
    const { issue, password } = cookiesOf();
    const first = await issue('owner@example.com');
    const [id] = first.split('.');
    expect((await issue('owner@example.com', first)).split('.')[0]).toBe(id);
    expect((await issue('other@example.com', first)).split('.')[0]).not.toBe(id);
    password.hash = 'second';
    expect((await issue('owner@example.com', first)).split('.')[0]).not.toBe(id);
  });

  it('is good for a year', async () => {
    vi.useFakeTimers({ now: new Date('2026-01-01') });
    const { cookies, issue } = cookiesOf();
    const cookie = await issue('owner@example.com');
    vi.setSystemTime(new Date('2026-12-31'));
    expect(await cookies.deviceOf(cookie, 'owner@example.com')).toBeDefined();
    vi.setSystemTime(new Date('2027-01-02'));
    expect(await cookies.deviceOf(cookie, 'owner@example.com')).toBeUndefined();
  });

  it('is worth nothing with another key, and where device cookies are off', async () => {
    const key = createSecretKey(randomBytes(32));
    const cookie = await cookiesOf(key).issue('owner@example.com');
    expect(await cookiesOf().cookies.deviceOf(cookie, 'owner@example.com')).toBeUndefined();
    const off = cookiesOf(key, false);
    expect(await off.cookies.deviceOf(cookie, 'owner@example.com')).toBeUndefined();
    expect(off.cookies.read(off.requestWith(cookie))).toBeUndefined();
    expect(await off.issue('owner@example.com')).toBe('');
  });
});
