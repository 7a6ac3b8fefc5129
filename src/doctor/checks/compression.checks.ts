import { fail, checkExpectations, pass, skip, warn } from '../../reports/index.js';
import type { DoctorCheck } from '../doctor.check.js';

const MIN_COMPRESSIBLE_BYTES = 4096;

export const compressionChecks: DoctorCheck[] = [
  {
    name: 'compression.used',
    title: 'Large responses are compressed for clients that accept it',
    reference: 'RFC 9110 section 8.4',
    requests: 2,
    run: async ({ target, api }) => {
      const path = api.namedPaths.publicPath ?? (await api.getOpenApi())?.path ?? '/';
      const plain = await target.get(path);
      if (plain.bytes < MIN_COMPRESSIBLE_BYTES)
        return skip(`no public response of ${MIN_COMPRESSIBLE_BYTES} bytes or more was found`);
      const { headers, bytes } = await target.send(path, { headers: { 'Accept-Encoding': 'gzip, br' } });
      const encoding = headers['content-encoding'];
      const evidence = { path, encoding, bytes, ofBytes: plain.bytes, vary: headers.vary };
      if (encoding === undefined)
        return warn(evidence, 'Compress text of more than one kilobyte, in the application or at the proxy.');
      return checkExpectations(
        [
          { what: `the response to ${path} is smaller`, met: bytes < plain.bytes, seen: evidence },
          {
            what: 'Vary names Accept-Encoding',
            met: /accept-encoding|\*/i.test(String(headers.vary)),
            seen: headers.vary,
          },
        ],
        'Send "Vary: Accept-Encoding" with compressed responses. Otherwise caches send them to clients that cannot read them.',
      );
    },
  },
  {
    name: 'compression.secrets',
    title: 'Responses with secrets are not compressed',
    reference: 'BREACH (CVE-2013-3587)',
    requests: 1,
    run: async ({ target, api }) => {
      const credentials = await api.getCredentials();
      await api.getLoginResponse();
      const headers = { 'Accept-Encoding': 'gzip, deflate, br' };
      const answer = await target.send(await api.getLoginPath(), { method: 'POST', body: credentials, headers });
      const encoding = answer.headers['content-encoding'];
      if (encoding === undefined) return pass({ bytes: answer.bytes });
      return fail(
        { encoding, bytes: answer.bytes },
        'Do not compress responses that contain tokens, such as responses to logins. The compressed size reveals their content.',
      );
    },
  },
];
