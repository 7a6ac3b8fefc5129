import { describe, expect, it } from 'vitest';
import { CorsOrigins } from './cors-origins.js';

describe('the allowed origins', () => {
  const origins = new CorsOrigins(['https://app.example', 'https://*.app.example:8443', 'http://localhost:5173']);

  it.each([
    'https://app.example',
    'https://a.app.example:8443',
    'https://a-1.app.example:8443',
    'http://localhost:5173',
  ])('%s is allowed', (origin) => expect(origins.allows(origin)).toBe(true));

  it.each([
    ['null', 'any site can send the origin null'],
    ['', ''],
    ['http://app.example', 'another scheme'],
    ['https://app.example:443', 'browsers leave out the default port'],
    ['https://app.example.evil.example', 'it only starts with an allowed name'],
    ['https://evilapp.example', 'it only ends with an allowed name'],
    ['https://app.example@evil.example', 'it has a user name'],
    ['https://app.example:8443', 'the pattern matches only subdomains'],
    ['https://a.b.app.example:8443', '* matches only one label'],
    ['https://a.app.example', 'another port'],
    ['https://a.appxexample:8443', 'a dot matches only a dot'],
    ['https://.app.example:8443', 'an empty label'],
    ['https://evil.example/.app.example:8443', 'a path'],
    ['https://evil.example#.app.example:8443', 'a fragment'],
    ['https://evil\n.app.example:8443', 'a line break'],
    ['HTTPS://A.APP.EXAMPLE:8443', 'browsers write lower case'],
  ])('%j is not allowed: %s', (origin) => expect(origins.allows(origin)).toBe(false));

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
  ])('%s is not a valid entry: %s', (entry, reason) => {
    expect(() => new CorsOrigins([entry])).toThrow(reason);
  });
});
