import { createSecretKey, randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AdapterRequest } from '../../context/index.js';
import { authSettings } from '../auth.options.js';
import type { SigningKey } from '../tokens/signing-key.js';
import { DEVICE_COOKIE, DeviceCookies } from './device-cookie.js';

function setUp(key = createSecretKey(randomBytes(32)), deviceCookies = true) {
  let value = '';
  const httpAdapter = { setCookie: (_response: unknown, _name: string, given: string) => void (value = given) };
  const settings = authSettings({ deviceCookies });
  // The password hash of every account in this spec.
  const password = { hash: 'first' };
  const users = { findForLogin: async () => ({ passwordHash: password.hash }) };
  const cookies = new DeviceCookies(
    settings,
    { secretOrPrivateKey: key } as SigningKey,
    { httpAdapter } as never,
    users as never,
  );
  const requestWith = (cookie: string) => ({ headers: { cookie: `${DEVICE_COOKIE}=${cookie}` } }) as AdapterRequest;
  const issue = async (account: string, present = '') => {
    await cookies.issue(requestWith(present), {}, account);
    return value;
  };
  return { cookies, issue, requestWith, password };
}

describe('a device cookie', () => {
  afterEach(() => void vi.useRealTimers());

  it('is valid for its account only', async () => {
    const { cookies, issue } = setUp();
    const cookie = await issue('owner@example.com');
    expect(await cookies.getDeviceId(cookie, 'owner@example.com')).toMatch(/^[\w-]{22}$/);
    expect(await cookies.getDeviceId(cookie, 'other@example.com')).toBeUndefined();
    expect(Buffer.from(cookie.replaceAll('.', ''), 'base64url').toString()).not.toContain('owner');
  });

  it('is void once the password has changed', async () => {
    const { cookies, issue, password } = setUp();
    const cookie = await issue('owner@example.com');
    expect(await cookies.getDeviceId(cookie, 'owner@example.com')).toBeDefined();
    password.hash = 'second';
    expect(await cookies.getDeviceId(cookie, 'owner@example.com')).toBeUndefined();
  });

  it('keeps the id of the device at the next login, unless the cookie is void', async () => {
    const { issue, password } = setUp();
    const first = await issue('owner@example.com');
    const [id] = first.split('.');
    expect((await issue('owner@example.com', first)).split('.')[0]).toBe(id);
    expect((await issue('other@example.com', first)).split('.')[0]).not.toBe(id);
    password.hash = 'second';
    expect((await issue('owner@example.com', first)).split('.')[0]).not.toBe(id);
  });

  it('is valid for one year', async () => {
    vi.useFakeTimers({ now: new Date('2026-01-01') });
    const { cookies, issue } = setUp();
    const cookie = await issue('owner@example.com');
    vi.setSystemTime(new Date('2026-12-31'));
    expect(await cookies.getDeviceId(cookie, 'owner@example.com')).toBeDefined();
    vi.setSystemTime(new Date('2027-01-02'));
    expect(await cookies.getDeviceId(cookie, 'owner@example.com')).toBeUndefined();
  });

  it('is not accepted with another key, or when device cookies are disabled', async () => {
    const key = createSecretKey(randomBytes(32));
    const cookie = await setUp(key).issue('owner@example.com');
    expect(await setUp().cookies.getDeviceId(cookie, 'owner@example.com')).toBeUndefined();
    const disabled = setUp(key, false);
    expect(await disabled.cookies.getDeviceId(cookie, 'owner@example.com')).toBeUndefined();
    expect(disabled.cookies.read(disabled.requestWith(cookie))).toBeUndefined();
    expect(await disabled.issue('owner@example.com')).toBe('');
  });
});
