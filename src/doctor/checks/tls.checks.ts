import { request } from 'node:http';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { fail, checkExpectations, pass, skip, warn } from '../../reports/index.js';
import type { DoctorCheck } from '../doctor.check.js';
import type { Target } from '../target.js';

const DAY_MS = 86_400_000;
const TIMEOUT_MS = 5_000;

/** Whether the server completes a handshake with an old version of TLS. */
function acceptsVersion({ url }: Target, version: 'TLSv1' | 'TLSv1.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({
      host: url.hostname,
      port: Number(url.port || 443),
      // The server name must not be an address (RFC 6066, section 3).
      servername: isIP(url.hostname) ? '' : url.hostname,
      minVersion: version,
      maxVersion: version,
      // Old versions need signatures that OpenSSL offers only at security level 0.
      ciphers: 'DEFAULT@SECLEVEL=0',
      rejectUnauthorized: false,
      timeout: TIMEOUT_MS,
    });
    const end = (spoken: boolean) => {
      socket.destroy();
      resolve(spoken);
    };
    socket.on('secureConnect', () => end(true));
    socket.on('error', () => end(false));
    socket.on('timeout', () => end(false));
  });
}

/** Requests `/` over plain http. Returns undefined if nothing listens at the port. */
function requestPlainHttp(
  { url }: Target,
  port: number,
): Promise<{ status: number; location: string | undefined } | undefined> {
  return new Promise((resolve) => {
    const outgoing = request({ host: url.hostname, port, path: '/', agent: false, timeout: TIMEOUT_MS }, (incoming) => {
      incoming.resume();
      resolve({ status: incoming.statusCode ?? 0, location: incoming.headers.location });
    });
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.on('error', () => resolve(undefined));
    outgoing.on('close', () => resolve(undefined));
    outgoing.end();
  });
}

export const tlsChecks: DoctorCheck[] = [
  {
    name: 'tls.used',
    title: 'The API is served over https',
    reference: 'OWASP ASVS 5.0 V12.2.1',
    requests: 0,
    run: ({ target }) => {
      if (target.isTls) return Promise.resolve(pass());
      if (target.isLocal) return Promise.resolve(skip('a server on this machine'));
      return Promise.resolve(fail({ url: target.url.origin }, 'Serve the API only over https.'));
    },
  },
  {
    name: 'tls.versions',
    title: 'TLS 1.0 and 1.1 are rejected',
    reference: 'OWASP ASVS 5.0 V12.1.1; RFC 8996',
    requests: 2,
    run: async ({ target }) => {
      if (!target.isTls) return skip('not https');
      const old = await Promise.all(
        (['TLSv1', 'TLSv1.1'] as const).map(
          async (version) => [version, await acceptsVersion(target, version)] as const,
        ),
      );
      return checkExpectations(
        old.map(([version, spoken]) => ({ what: `${version} is refused`, met: !spoken })),
        'Allow TLS 1.2 and 1.3 only.',
      );
    },
  },
  {
    name: 'tls.certificate',
    title: 'The certificate is trusted and valid for at least two more weeks',
    reference: 'OWASP ASVS 5.0 V12.2.2',
    requests: 1,
    run: async ({ target }) => {
      if (!target.isTls) return skip('not https');
      const certificate = await target.getCertificate();
      if (!certificate) return skip('the server sent no certificate');
      const days = Math.floor((Date.parse(certificate.validTo) - Date.now()) / DAY_MS);
      const evidence = { ...certificate, daysLeft: days };
      if (certificate.refusal !== undefined)
        return fail(evidence, 'Use a certificate of a public certificate authority for this host name.');
      return days < 14 ? warn(evidence, 'Renew the certificate, and automate the renewal.') : pass(evidence);
    },
  },
  {
    name: 'tls.plain-http',
    title: 'Plain http only redirects to https',
    reference: 'OWASP ASVS 5.0 V12.2.1, V4.1.2',
    requests: 1,
    run: async ({ target, httpPort }) => {
      if (!target.isTls) return skip('not https');
      // The URL parser removes the default port.
      const port = httpPort ?? (target.url.port === '' ? 80 : undefined);
      if (port === undefined)
        return skip('https is not at its default port. Pass the port of plain http with --http-port');
      const answer = await requestPlainHttp(target, port);
      if (!answer || answer.status >= 400) return pass({ answer: answer?.status ?? 'nothing listens' });
      return checkExpectations(
        [{ what: 'a redirect to https', met: answer.location?.startsWith('https://') === true, seen: answer }],
        'Close that port, or redirect pages to https and reject all other requests there.',
      );
    },
  },
];
