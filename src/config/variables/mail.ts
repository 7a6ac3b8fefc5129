import { z } from 'zod';
import { tls } from '../notations.js';
import { urlPassword } from '../secrets.js';
import { variable } from '../variable.js';

export const mailVariables = {
  MAIL_URL: variable({
    schema: z.string().regex(/^(?:smtps?:\/\/|file:).+/),
    description:
      'smtp://user:password@host:port, smtps://… or file:folder. Unset: mails go to the log; in production, they wait in the outbox.',
    secret: urlPassword('mail could be sent in your name'),
    setting: 'mail.url',
  }),
  MAIL_TLS: variable({
    schema: tls,
    description:
      'required: only over TLS. off: also without TLS. Unset: required in production, except to this machine. For MAIL_URL.',
  }),
  MAIL_CA_FILE: variable({
    schema: z.string(),
    description:
      'PEM file of the authority behind the certificate of the mail server. Unset: the authorities of Node.js.',
    setting: 'mail.caFile',
  }),
  MAIL_FROM: variable({
    schema: z.string(),
    default: 'no-reply@localhost',
    description: 'Sender of mails.',
    setting: 'mail.from',
  }),
};
