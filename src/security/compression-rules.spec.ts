import * as zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Compressor, varied, weakened } from './compressor.js';
import { contentCoding, HAS_ZSTD } from './content-coding.js';

const compressor = new Compressor({ thresholdBytes: 1024, brotliQuality: 4, gzipLevel: 6, zstdLevel: 3 });
const isCandidate = (response: Record<string, string>, headers: Record<string, string> = {}, user?: object) =>
  compressor.isCandidate({ headers, user }, (name) => response[name]);
const json = { 'content-type': 'application/json; charset=utf-8' };
const unpack = {
  gzip: zlib.gunzipSync,
  br: zlib.brotliDecompressSync,
  zstd: (zlib as unknown as { zstdDecompressSync: typeof zlib.gunzipSync }).zstdDecompressSync,
};

describe('what is compressed', () => {
  it.each([
    'text/plain',
    'text/html; charset=utf-8',
    'application/json',
    'application/problem+json',
    'application/javascript',
    'image/svg+xml',
    'TEXT/CSS',
  ])('%s is', (type) => expect(isCandidate({ 'content-type': type })).toBe(true));

  it.each([
    'image/png',
    'video/mp4',
    'application/zip',
    'application/octet-stream',
    'font/woff2',
    'text/event-stream',
    '',
  ])('%s is not', (type) => expect(isCandidate({ 'content-type': type })).toBe(false));

  it('is not what is compressed already, nor what a client or a route forbids', () => {
    expect(isCandidate({ ...json, 'content-encoding': 'gzip' })).toBe(false);
    expect(isCandidate(json, { 'x-no-compression': '1' })).toBe(false);
    expect(isCandidate({ ...json, 'cache-control': 'no-store' })).toBe(false);
  });

  it('is the answer to a token, and not the answer to a cookie (BREACH)', () => {
    const authenticated = { ...json, 'cache-control': 'private, no-store' };
    const user = { id: 'ada' };
    expect(isCandidate(authenticated, { authorization: 'Bearer x' }, user)).toBe(true);
    expect(isCandidate(authenticated, { 'x-api-key': 'x' }, user)).toBe(true);
    expect(isCandidate(authenticated, { cookie: 'session=x' }, user)).toBe(false);
    // Whatever the route says of caches.
    expect(isCandidate({ ...json, 'cache-control': 'private, max-age=60' }, { cookie: 'session=x' }, user)).toBe(false);
    // A cookie that nobody took for credentials.
    expect(isCandidate(json, { cookie: 'theme=dark' })).toBe(true);
    // A route's own word is not overruled by how the caller has come.
    expect(isCandidate({ ...json, 'cache-control': 'no-store' }, { authorization: 'Bearer x' }, user)).toBe(false);
  });

  it('is no answer that sets a cookie', () => {
    expect(isCandidate({ ...json, 'set-cookie': 'session=x' })).toBe(false);
  });
});

describe.each(HAS_ZSTD ? (['gzip', 'br', 'zstd'] as const) : (['gzip', 'br'] as const))('by %s', (coding) => {
  it.each([2_000, 200_000])('a body of %i bytes comes back as it was', async (length) => {
    const body = Buffer.from('a line that compresses well\n'.repeat(length / 28));
    const packed = await compressor.compress(coding, body);
    expect(packed.length).toBeLessThan(body.length / 4);
    expect(unpack[coding](packed)).toEqual(body);
  });

  it('a stream gives each chunk at once', async () => {
    const stream = compressor.stream(coding);
    const packed: Buffer[] = [];
    for (const part of ['first', 'second']) {
      const before = packed.length;
      const written = new Promise<void>((resolve) =>
        stream.once('data', (chunk: Buffer) => resolve(void packed.push(chunk))),
      );
      stream.write(part);
      await written;
      expect(packed.length).toBe(before + 1);
    }
    stream.on('data', (chunk: Buffer) => packed.push(chunk)).end();
    await new Promise((resolve) => stream.once('end', resolve));
    expect(unpack[coding](Buffer.concat(packed)).toString()).toBe('firstsecond');
  });
});

it('prefers Zstandard where Node has it', () => {
  expect(contentCoding('gzip, deflate, br, zstd')).toBe(HAS_ZSTD ? 'zstd' : 'br');
  expect(contentCoding('gzip, zstd;q=0.5')).toBe('gzip');
});

it('keeps validators and Vary true', () => {
  expect(weakened('"abc"')).toBe('W/"abc"');
  expect(weakened('W/"abc"')).toBeUndefined();
  expect(weakened(undefined)).toBeUndefined();
  expect(varied(undefined)).toBe('Accept-Encoding');
  expect(varied('Origin')).toBe('Origin, Accept-Encoding');
  expect(varied('origin, accept-encoding')).toBe('origin, accept-encoding');
  expect(varied('*')).toBe('*');
});
