import { evaluateCrossOriginRequest } from '@nestjs/core/security/cross-origin-protection.js';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { findCrossSiteReason } from './cross-site.js';

const TRUSTED = new Set(['https://app.example.com']);

const origins = fc.constantFrom(
  undefined,
  '',
  'null',
  'nonsense',
  'https://api.example.com',
  'http://api.example.com',
  'https://API.example.com',
  'https://api.example.com:443',
  'https://api.example.com:8443',
  'http://api.example.com:80',
  'https://api.example.com.evil.example',
  'https://app.example.com',
  'https://app.example.com/',
  'file://',
  'https://[::1]:3000',
);
const hosts = fc.constantFrom(undefined, 'api.example.com', 'API.example.com', 'api.example.com:443', '[::1]:3000', '');
const sites = fc.constantFrom(undefined, '', 'none', 'same-origin', 'same-site', 'cross-site', 'SAME-ORIGIN', 'new');

it('detects the same cross-site requests as Nest', () => {
  fc.assert(
    fc.property(origins, hosts, sites, (origin, host, site) => {
      const headers = { origin, host, 'sec-fetch-site': site };
      const fromNest = evaluateCrossOriginRequest(
        { method: 'POST', secFetchSite: site, origin, host },
        { trustedOrigins: TRUSTED },
      );
      expect(findCrossSiteReason(headers, TRUSTED) === undefined).toBe(fromNest.allowed);
    }),
    { numRuns: 1_000 },
  );
});
