import { createSecretKey, randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { AdapterRequest } from '../../common/index.js';
import { authSettings } from '../auth.options.js';
import type { SigningKey } from '../tokens/signing-key.js';
import { DEVICE_COOKIE, DeviceCookies } from './device-cookie.js';

function cookiesOf(key = createSecretKey(randomBytes(32)), deviceCookies = true) {
  let value = '';
  const httpAdapter = { setCookie: (_response: unknown, _name: string, given: string) => void (value = given) };
  const settings = authSettings({ deviceCookies });
  const cookies = new DeviceCookies(settings, { sign: key } as SigningKey, { httpAdapter } as never);
  const requestWith = (cookie: string) => ({ headers: { cookie: `${DEVICE_COOKIE}=${cookie}` } }) as AdapterRequest;
  const issue = (account: string, binding?: string, present = '') => {
    cookies.remember(requestWith(present), {}, account, binding);
    return value;
  };
  return { cookies, issue, requestWith };
}

describe('a device cookie', () => {
  afterEach(() => void vi.useRealTimers());

  it('is good for its account, and for no other', () => {
    const { cookies, issue } = cookiesOf();
    const cookie = issue('owner@example.com');
    expect(cookies.deviceOf(cookie, 'owner@example.com')).toMatch(/^[\w-]{22}$/);
    expect(cookies.deviceOf(cookie, 'other@example.com')).toBeUndefined();
    expect(Buffer.from(cookie.replaceAll('.', ''), 'base64url').toString()).not.toContain('owner');
  });

  it('is void once the state that it is bound to has changed', () => {
    const { cookies, issue } = cookiesOf();
    const cookie = issue('owner@example.com', 'version 1');
    expect(cookies.deviceOf(cookie, 'owner@example.com', 'version 1')).toBeDefined();
    expect(cookies.deviceOf(cookie, 'owner@example.com', 'version 2')).toBeUndefined();
    expect(cookies.deviceOf(cookie, 'owner@example.com')).toBeUndefined();
  });

  it('keeps the id of the device at the next login, unless it was void', () => {
    const { issue } = cookiesOf();
    const first = issue('owner@example.com');
    const [id] = first.split('.');
    expect(issue('owner@example.com', undefined, first).split('.')[0]).toBe(id);
    expect(issue('other@example.com', undefined, first).split('.')[0]).not.toBe(id);
    expect(issue('owner@example.com', 'changed', first).split('.')[0]).not.toBe(id);
  });

  it('is good for a year', () => {
    vi.useFakeTimers({ now: new Date('2026-01-01') });
    const { cookies, issue } = cookiesOf();
    const cookie = issue('owner@example.com');
    vi.setSystemTime(new Date('2026-12-31'));
    expect(cookies.deviceOf(cookie, 'owner@example.com')).toBeDefined();
    vi.setSystemTime(new Date('2027-01-02'));
    expect(cookies.deviceOf(cookie, 'owner@example.com')).toBeUndefined();
  });

  it('is worth nothing with another key, and where device cookies are off', () => {
    const key = createSecretKey(randomBytes(32));
    const cookie = cookiesOf(key).issue('owner@example.com');
    expect(cookiesOf().cookies.deviceOf(cookie, 'owner@example.com')).toBeUndefined();
    const off = cookiesOf(key, false);
    expect(off.cookies.deviceOf(cookie, 'owner@example.com')).toBeUndefined();
    expect(off.cookies.read(off.requestWith(cookie))).toBeUndefined();
    expect(off.issue('owner@example.com')).toBe('');
  });
});
