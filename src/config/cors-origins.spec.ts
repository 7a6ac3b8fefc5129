import { describe, expect, it } from 'vitest';
import { CorsOrigins } from './cors-origins.js';

describe('origins that may call', () => {
  const origins = new CorsOrigins(['https://app.example', 'https://*.app.example:8443', 'http://localhost:5173']);

  it.each([
    'https://app.example',
    'https://a.app.example:8443',
    'https://a-1.app.example:8443',
    'http://localhost:5173',
  ])('%s may', (origin) => expect(origins.allows(origin)).toBe(true));

  it.each([
    ['null', 'anybody can be nobody'],
    ['', ''],
    ['http://app.example', 'another scheme'],
    ['https://app.example:443', 'not as browsers write it'],
    ['https://app.example.evil.example', 'the name is only a beginning'],
    ['https://evilapp.example', 'the name is only an end'],
    ['https://app.example@evil.example', 'a user'],
    ['https://app.example:8443', 'the pattern is of subdomains'],
    ['https://a.b.app.example:8443', '* is one label'],
    ['https://a.app.example', 'another port'],
    ['https://a.appxexample:8443', 'a dot is a dot'],
    ['https://.app.example:8443', 'an empty label'],
    ['https://evil.example/.app.example:8443', 'a path'],
    ['https://evil.example#.app.example:8443', 'a fragment'],
    ['https://evil\n.app.example:8443', 'a line break'],
    ['HTTPS://A.APP.EXAMPLE:8443', 'browsers write lower case'],
  ])('%j may not: %s', (origin) => expect(origins.allows(origin)).toBe(false));

  it.each([
    ['https://*', 'pattern'],
    ['https://*.com', 'strangers'],
    ['https://*.co.uk', 'strangers'],
    ['https://*.github.io', 'strangers'],
    ['https://app.*.example', 'pattern'],
    ['https://*app.example.com', 'pattern'],
    ['https://*.*.example.com', 'pattern'],
    ['*.example.com', 'pattern'],
    ['https://*.example.com/', 'pattern'],
    ['null', 'not an origin'],
    ['https://app.example/', 'more than an origin'],
  ])('%s is no entry: %s', (entry, reason) => {
    expect(() => new CorsOrigins([entry])).toThrow(reason);
  });
});
