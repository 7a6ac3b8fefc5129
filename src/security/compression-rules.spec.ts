import { describe, expect, it } from 'vitest';
import { codingFor, isCompressible, weakEntityTag } from './compression-rules.js';

const isSent = (response: Record<string, string>, headers: Record<string, string> = {}, user?: object) =>
  isCompressible({ method: 'GET', headers, user }, 200, (name) => response[name]);
const json = { 'content-type': 'application/json; charset=utf-8' };

describe('what is compressed', () => {
  it.each([
    'text/plain',
    'text/html; charset=utf-8',
    'application/json',
    'application/problem+json',
    'application/javascript',
    'image/svg+xml',
    'TEXT/CSS',
  ])('%s is', (type) => expect(isSent({ 'content-type': type })).toBe(true));

  it.each([
    'image/png',
    'video/mp4',
    'application/zip',
    'application/octet-stream',
    'font/woff2',
    'text/event-stream',
    '',
  ])('%s is not', (type) => expect(isSent({ 'content-type': type })).toBe(false));

  it('is not what is compressed already, nor what a client or a route forbids', () => {
    expect(isSent({ ...json, 'content-encoding': 'gzip' })).toBe(false);
    expect(isSent(json, { 'x-no-compression': '1' })).toBe(false);
    expect(isSent({ ...json, 'cache-control': 'no-store' })).toBe(false);
    expect(isSent({ ...json, 'cache-control': 'public, no-transform' })).toBe(false);
  });

  it('is no response without a body, and no part of a body', () => {
    const header = (name: string) => ({ 'content-type': 'text/plain' })[name];
    for (const status of [204, 206, 304]) {
      expect(isCompressible({ method: 'GET', headers: {} }, status, header)).toBe(false);
    }
    expect(isCompressible({ method: 'HEAD', headers: {} }, 200, header)).toBe(false);
  });

  it('is the answer to a token, and not the answer to a cookie (BREACH)', () => {
    const authenticated = { ...json, 'cache-control': 'private, no-store' };
    const user = { id: 'ada' };
    expect(isSent(authenticated, { authorization: 'Bearer x' }, user)).toBe(true);
    expect(isSent(authenticated, { 'x-api-key': 'x' }, user)).toBe(true);
    expect(isSent(authenticated, { cookie: 'session=x' }, user)).toBe(false);
    // Whatever the route says of caches.
    expect(isSent({ ...json, 'cache-control': 'private, max-age=60' }, { cookie: 'session=x' }, user)).toBe(false);
    // A cookie that nobody took for credentials.
    expect(isSent(json, { cookie: 'theme=dark' })).toBe(true);
    // A route's own word is not overruled by how the caller has come.
    expect(isSent({ ...json, 'cache-control': 'no-store' }, { authorization: 'Bearer x' }, user)).toBe(false);
  });

  it('is no answer that sets a cookie', () => {
    expect(isSent({ ...json, 'set-cookie': 'session=x' })).toBe(false);
  });
});

describe('the coding', () => {
  const CODINGS = ['zstd', 'br', 'gzip'] as const;

  it.each([
    ['gzip, deflate, br', 'br'],
    ['gzip, deflate, br, zstd', 'zstd'],
    ['gzip, zstd;q=0.5', 'gzip'],
    ['gzip;q=1.0, br;q=0.8', 'gzip'],
    ['gzip ; q=0.2 , br ; q=0.2', 'br'],
    ['X-GZIP', 'gzip'],
    ['*;q=0.1, gzip;q=0', 'zstd'],
    ['gzip;q=0, *', 'zstd'],
    ['identity;q=0', undefined],
    ['identity;q=1, *;q=0.5', undefined],
    ['br;q=2;q=0', 'br'],
    [',;,=;q', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('for Accept-Encoding: %s is %s', (accepted, coding) => {
    expect(codingFor({ 'accept-encoding': accepted }, CODINGS)).toBe(coding);
  });

  it('is one that the server has', () => {
    expect(codingFor({ 'accept-encoding': 'zstd, gzip;q=0.5' }, ['br', 'gzip'])).toBe('gzip');
  });
});

it('keeps validators true', () => {
  expect(weakEntityTag('"abc"')).toBe('W/"abc"');
  expect(weakEntityTag('W/"abc"')).toBeUndefined();
  expect(weakEntityTag(undefined)).toBeUndefined();
});
