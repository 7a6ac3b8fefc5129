import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

export interface Delivery {
  to: string[];
  isSecure: boolean;
  /** The user who logged in to send the mail. */
  user: string | undefined;
  text: string;
}

/** A real SMTP server with the login `user`, `secret`. */
export class MailServer {
  readonly deliveries: Delivery[] = [];
  /** The error that the server returns for a recipient; undefined accepts the recipient. */
  refusal: ((address: string) => { code: number; text: string } | undefined) | undefined;
  private server: SMTPServer | undefined;
  private port = 0;

  constructor(
    private readonly options: SMTPServerOptions = {},
    private readonly certificate?: { certificate: string; key: string },
  ) {}

  get address(): string {
    return `localhost:${this.port}`;
  }

  async start(port = this.port): Promise<this> {
    const { certificate } = this;
    this.server = new SMTPServer({
      ...(certificate && { cert: readFileSync(certificate.certificate), key: readFileSync(certificate.key) }),
      ...this.options,
      onAuth: ({ username, password }, _session, done) => {
        if (username === 'user' && password === 'secret') done(null, { user: username });
        else done(Object.assign(new Error('Wrong user or password'), { responseCode: 535 }));
      },
      onRcptTo: ({ address }, _session, done) => {
        const refused = this.refusal?.(address);
        done(refused && Object.assign(new Error(refused.text), { responseCode: refused.code }));
      },
      onData: async (stream, session, done) => {
        const to = session.envelope.rcptTo.map(({ address }) => address);
        const content = await text(stream);
        this.deliveries.push({ to, isSecure: session.secure, user: session.user as string, text: content });
        done();
      },
    });
    this.server.on('error', () => undefined);
    const listening = this.server.listen(port, 'localhost');
    await once(listening, 'listening');
    this.port = (listening.address() as AddressInfo).port;
    return this;
  }

  async stop(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (server) await new Promise<void>((resolve) => server.close(resolve));
  }

  to(address: string): Delivery[] {
    return this.deliveries.filter(({ to }) => to.includes(address));
  }
}
