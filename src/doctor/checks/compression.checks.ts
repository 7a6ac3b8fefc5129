import { fail, judge, pass, skip, warn } from '../../reports/index.js';
import type { DoctorCheck } from '../doctor.check.js';

const WORTHWHILE_BYTES = 4096;

export const compressionChecks: DoctorCheck[] = [
  {
    name: 'compression.used',
    title: 'Large responses are compressed for clients that ask',
    reference: 'RFC 9110 section 8.4',
    requests: 2,
    run: async ({ target, around }) => {
      const path = (await around.openApi())?.path ?? '/';
      const plain = await target.get(path);
      if (plain.bytes < WORTHWHILE_BYTES)
        return skip(`no open response of ${WORTHWHILE_BYTES} bytes or more was found`);
      const { headers, bytes } = await target.send(path, { headers: { 'Accept-Encoding': 'gzip, br' } });
      const encoding = headers['content-encoding'];
      const evidence = { path, encoding, bytes, ofBytes: plain.bytes, vary: headers.vary };
      if (encoding === undefined) return warn(evidence, 'Compress text of more than a kilobyte, here or at the proxy.');
      return judge(
        [
          { what: `${path} is sent smaller`, met: bytes < plain.bytes, seen: evidence },
          {
            what: 'Vary names Accept-Encoding',
            met: /accept-encoding|\*/i.test(String(headers.vary)),
            seen: headers.vary,
          },
        ],
        'Send "Vary: Accept-Encoding" with what is compressed, or caches give it to clients that cannot read it.',
      );
    },
  },
  {
    name: 'compression.secrets',
    title: 'Responses that carry secrets are not compressed',
    reference: 'BREACH (CVE-2013-3587)',
    requests: 1,
    run: async ({ target, around }) => {
      const credentials = await around.credentials();
      await around.loginAnswer();
      const headers = { 'Accept-Encoding': 'gzip, deflate, br' };
      const answer = await target.send(await around.login(), { method: 'POST', body: credentials, headers });
      const encoding = answer.headers['content-encoding'];
      if (encoding === undefined) return pass({ bytes: answer.bytes });
      return fail(
        { encoding, bytes: answer.bytes },
        'Do not compress answers to logins and others that hold tokens: their size tells of their content.',
      );
    },
  },
];
