import { readFile } from 'node:fs/promises';
import { loadPackage } from '../../common/index.js';
import { MailRefusedError, MailSender, type Mail } from './mail.sender.js';

/** A server that does not respond in time counts as unavailable. The outbox gives a sender more time than this. */
const TIMEOUTS = { dnsTimeout: 10_000, connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000 };

/** With these error codes, a 5xx concerns the mail and not the connection or the login (RFC 5321, section 4.2.1). */
const MESSAGE_ERROR_CODES = new Set(['EENVELOPE', 'EMESSAGE']);

interface Transport {
  sendMail(mail: object): Promise<unknown>;
}

interface SmtpError extends Error {
  readonly code?: string;
  readonly responseCode?: number;
}

/** Sends mail over SMTP with nodemailer, which is loaded at the first mail. @publicApi */
export class SmtpMailSender extends MailSender {
  private transport: Promise<Transport> | undefined;

  /**
   * @param url `smtp://user:password@host:port`, with TLS by STARTTLS, or `smtps://…` for TLS from the start
   * @param from address of the sender, `Name <address>`
   * @param caFile PEM file of the CA that issued the server's certificate. @default the CAs that Node.js trusts
   * @param requireTls whether a server without STARTTLS is refused, even if the URL allows it. Without TLS, the mail and the
   *   token in it are sent unencrypted. @default true, except for a server on this machine
   */
  constructor(
    private readonly url: string,
    private readonly from: string,
    private readonly caFile?: string,
    private readonly requireTls = !isLoopback(url),
  ) {
    super();
  }

  /** The connection, for the self-tests. The URL may contain the password. @internal */
  get connection(): { readonly url: string; readonly requireTls: boolean } {
    return { url: this.url, requireTls: this.requireTls };
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
      if (responseCode >= 500 && MESSAGE_ERROR_CODES.has(code)) throw new MailRefusedError(message, { cause });
      throw cause;
    }
  }
}

function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.[\d.]+$/.test(hostname);
}

/** Set in the URL, because in nodemailer parameters of the URL take precedence over options. */
function addStartTlsRequirement(url: string): string {
  const result = new URL(url);
  result.searchParams.set('requireTLS', 'true');
  return result.href;
}

async function openTransport(url: string, caFile: string | undefined, requireTls: boolean): Promise<Transport> {
  const nodemailer = await loadPackage<{ createTransport(options: object): Transport }>('nodemailer', 'Mail over SMTP');
  const tls = caFile === undefined ? {} : { tls: { ca: await readFile(caFile, 'utf8') } };
  return nodemailer.createTransport({ url: requireTls ? addStartTlsRequirement(url) : url, ...TIMEOUTS, ...tls });
}
