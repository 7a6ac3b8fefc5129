import { readFile } from 'node:fs/promises';
import { loadPackage } from '../../common/index.js';
import { MailRefusedError, MailSender, type Mail } from './mail.sender.js';

/** A server that hangs is one that is away. Well within the time that the outbox gives a sender. */
const TIMEOUTS = { dnsTimeout: 10_000, connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000 };

/** Stages at which a 5xx is about the mail itself, and not about the connection or the login (RFC 5321, section 4.2.1). */
const ABOUT_THE_MAIL = new Set(['EENVELOPE', 'EMESSAGE']);

interface Transport {
  sendMail(mail: object): Promise<unknown>;
}

interface SmtpError extends Error {
  readonly code?: string;
  readonly responseCode?: number;
}

/** Sends over SMTP by nodemailer, which is loaded at the first mail. @publicApi */
export class SmtpMailSender extends MailSender {
  private transport: Promise<Transport> | undefined;

  /**
   * @param url `smtp://user:password@host:port`, with TLS by STARTTLS, or `smtps://…` for TLS from the start
   * @param from sender, `Name <address>`
   * @param caFile PEM file of the authority behind the server's certificate. @default those that Node.js trusts
   * @param requireTls whether a server that offers no STARTTLS is refused, whatever the URL says; else the mail, with the
   *   token in it, goes to it in the clear. @default true, but for a server on this machine
   */
  constructor(
    private readonly url: string,
    private readonly from: string,
    private readonly caFile?: string,
    private readonly requireTls = !isOnThisMachine(url),
  ) {
    super();
  }

  async send({ id, to, subject, text }: Mail): Promise<void> {
    this.transport ??= openTransport(this.url, this.caFile, this.requireTls);
    const transport = await this.transport.catch((error: unknown) => {
      this.transport = undefined;
      throw error;
    });
    const domain = this.from.replace(/^.*@|>$/g, '');
    try {
      await transport.sendMail({ from: this.from, to, subject, text, messageId: `<${id}@${domain}>` });
    } catch (cause) {
      const { code = '', responseCode = 0, message } = cause as SmtpError;
      if (responseCode >= 500 && ABOUT_THE_MAIL.has(code)) throw new MailRefusedError(message, { cause });
      throw cause;
    }
  }
}

function isOnThisMachine(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.[\d.]+$/.test(hostname);
}

/** nodemailer prefers the parameters of the URL to its options. */
function withStartTls(url: string): string {
  const demanding = new URL(url);
  demanding.searchParams.set('requireTLS', 'true');
  return demanding.href;
}

async function openTransport(url: string, caFile: string | undefined, requireTls: boolean): Promise<Transport> {
  const nodemailer = await loadPackage<{ createTransport(options: object): Transport }>('nodemailer', 'Mail over SMTP');
  const tls = caFile === undefined ? {} : { tls: { ca: await readFile(caFile, 'utf8') } };
  return nodemailer.createTransport({ url: requireTls ? withStartTls(url) : url, ...TIMEOUTS, ...tls });
}
