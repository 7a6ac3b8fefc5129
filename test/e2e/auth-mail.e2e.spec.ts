import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MailRefusedError, SmtpMailSender } from '../../src/auth/index.js';
import { CertificateAuthority } from '../support/certificates.js';
import { testFolder } from '../support/folder.js';
import { TestApp } from '../support/harness.js';
import { MailServer } from '../support/mail-server.js';
import { lastingPort } from '../support/ports.js';
import { until } from '../support/until.js';

const mail = () => ({ id: randomUUID(), to: `${randomUUID()}@example.com`, subject: 'Subject', text: 'Text' });

describe('mail over SMTP', () => {
  let folder: Awaited<ReturnType<typeof testFolder>>;
  let authority: CertificateAuthority;
  let certificate: ReturnType<CertificateAuthority['issue']>;
  beforeAll(async () => {
    folder = await testFolder();
    authority = new CertificateAuthority(folder.path, 'mail');
    certificate = authority.issue('localhost');
  });
  afterAll(() => folder.stop());

  let server: MailServer;
  afterEach(() => server.stop());
  const send = async (url: string, caFile: string | undefined, one = mail()) => {
    await new SmtpMailSender(url, 'Bulwark <no-reply@example.org>', caFile).send(one);
    return server.to(one.to)[0];
  };

  it('is sent over TLS from the start, after a login', async () => {
    server = await new MailServer({ secure: true }, certificate).start();
    const one = mail();
    const delivery = await send(`smtps://user:secret@${server.address}`, authority.certificate, one);
    expect(delivery).toMatchObject({ isSecure: true, user: 'user' });
    expect(delivery?.text).toContain(`Message-ID: <${one.id}@example.org>`);
    expect(delivery?.text).toContain('From: Bulwark <no-reply@example.org>');
  });

  it('is sent over TLS if the server offers STARTTLS', async () => {
    server = await new MailServer({ authOptional: true }, certificate).start();
    expect(await send(`smtp://${server.address}`, authority.certificate)).toMatchObject({ isSecure: true });
  });

  it('is not sent without TLS if TLS is required', async () => {
    server = await new MailServer({ authOptional: true, disabledCommands: ['STARTTLS'] }).start();
    expect(await send(`smtp://${server.address}`, undefined)).toMatchObject({ isSecure: false });
    await expect(send(`smtp://${server.address}?requireTLS=true`, undefined)).rejects.toThrow(/STARTTLS/);
  });

  it.each(['', '?requireTLS=false', '?ignoreTLS=true', '?opportunisticTLS=true'])(
    'is not sent without TLS to a server that hides STARTTLS if TLS is required: %j',
    async (parameters) => {
      server = await new MailServer({ authOptional: true, hideSTARTTLS: true, disabledCommands: ['STARTTLS'] }).start();
      const sender = new SmtpMailSender(
        `smtp://${server.address}${parameters}`,
        'no-reply@example.org',
        undefined,
        true,
      );
      await expect(sender.send(mail())).rejects.toThrow(/STARTTLS/);
      expect(server.deliveries).toEqual([]);
    },
  );

  it.each(['smtp', 'smtps'])(
    'is not sent over %s to a server whose certificate is not signed by a trusted authority',
    async (scheme) => {
      server = await new MailServer({ authOptional: true, secure: scheme === 'smtps' }, certificate).start();
      await expect(send(`${scheme}://${server.address}`, undefined)).rejects.toThrow(/certificate/);
      expect(server.deliveries).toEqual([]);
    },
  );

  it('fails permanently for an unknown recipient, but not for a login or server error', async () => {
    server = await new MailServer({ authOptional: true, hideSTARTTLS: true, allowInsecureAuth: true }).start();
    const url = `smtp://${server.address}`;
    server.refusal = () => ({ code: 550, text: 'No such user here' });
    await expect(send(url, undefined)).rejects.toThrow(MailRefusedError);
    server.refusal = () => ({ code: 450, text: 'Mailbox busy' });
    await expect(send(url, undefined)).rejects.not.toThrow(MailRefusedError);
    server.refusal = undefined;
    await expect(send(`smtp://user:wrong@${server.address}`, undefined)).rejects.not.toThrow(MailRefusedError);
    await server.stop();
    await expect(send(url, undefined)).rejects.not.toThrow(MailRefusedError);
  });
});

describe('the mails of an application', () => {
  it('all arrive exactly once, even if the server is down when they are written', async () => {
    const server = new MailServer({ authOptional: true, hideSTARTTLS: true });
    const port = lastingPort();
    const app = await TestApp.start({ MAIL_URL: `smtp://localhost:${port}` });
    try {
      const users = [];
      for (let i = 0; i < 15; i++) users.push(await app.register());
      const waiting = () => app.sql('SELECT last_error FROM mail_outbox');
      await until('an attempt has failed', async () => (await waiting()).some(({ last_error: e }) => e !== null));
      expect(await waiting()).toHaveLength(15);
      await server.start(port);
      // The next attempts are due within seconds; the test does not wait for them.
      await app.sql('UPDATE mail_outbox SET next_attempt_at = now()');
      await app.register();
      await until('the outbox is empty', async () => (await waiting()).length === 0);
      for (const { email } of users) expect(server.to(email)).toHaveLength(1);
    } finally {
      await app.stop();
      await server.stop();
    }
  });

  it('stay in the outbox if MAIL_TLS requires TLS and the server does not offer it', async () => {
    const server = await new MailServer({ authOptional: true, hideSTARTTLS: true }).start();
    const app = await TestApp.start({ MAIL_URL: `smtp://${server.address}`, MAIL_TLS: 'required' });
    try {
      await app.register();
      const waiting = () => app.sql('SELECT last_error FROM mail_outbox');
      await until('an attempt has failed', async () => (await waiting()).some(({ last_error: e }) => e !== null));
      expect(server.deliveries).toEqual([]);
      await app.sql('DELETE FROM mail_outbox');
    } finally {
      await app.stop();
      await server.stop();
    }
  });

  it('are given up, logged and audited after a permanent refusal; other mails are still sent', async () => {
    const server = await new MailServer({ authOptional: true, hideSTARTTLS: true }).start();
    server.refusal = (address) =>
      address.startsWith('nobody-') ? { code: 550, text: 'No such user here' } : undefined;
    const app = await TestApp.start({ MAIL_URL: `smtp://${server.address}` });
    try {
      const lost = await app.register(`nobody-${randomUUID()}@example.com`);
      const other = await app.register();
      await until('the other mail arrives', () => server.to(other.email).length === 1);
      const givenUp = () => app.sql('SELECT id, last_error FROM mail_outbox WHERE attempts = 30');
      await until('it is given up', async () => (await givenUp()).length > 0);
      const [row] = await givenUp();
      expect(row.last_error).toContain('No such user here');
      expect(app.logs.filter(({ msg }) => /given up/.test(msg))).toHaveLength(1);
      const audited = async () =>
        app.sql(`SELECT outcome FROM audit_events WHERE action = 'auth.mail_given_up' AND target = $1`, [
          `mail:${row.id}`,
        ]);
      await until('it is audited', async () => (await audited()).length === 1);
      expect(server.to(lost.email)).toEqual([]);
      await app.sql('DELETE FROM mail_outbox');
    } finally {
      await app.stop();
      await server.stop();
    }
  });
});
