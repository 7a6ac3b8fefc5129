import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { createKey, findValidSignature, readDelivery, type WebhookScheme } from './webhook-schemes.js';

const isValid = (
  scheme: WebhookScheme,
  headers: Record<string, string>,
  body: string | Buffer,
  ...secrets: string[]
) => {
  const delivery = readDelivery(scheme, headers);
  const keys = secrets.map((secret) => createKey(scheme, secret));
  return delivery !== undefined && findValidSignature(delivery, Buffer.from(body), keys) !== undefined;
};

describe('the scheme of Standard Webhooks', () => {
  // The example of the specification, section "Signature scheme".
  const secret = 'whsec_plJ3nmyCDGBKInavdOK15jsl';
  const body = '{"event_type":"ping","data":{"success":true}}';
  const headers = {
    'webhook-id': 'msg_loFOjxBNrRLzqYUf',
    'webhook-timestamp': '1731705121',
    'webhook-signature': 'v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=',
  };

  it('accepts the example of the specification, and nothing that differs from it', () => {
    expect(isValid('standard-webhooks', headers, body, secret)).toBe(true);
    expect(isValid('standard-webhooks', headers, body, secret.slice('whsec_'.length))).toBe(true);
    for (const change of [
      { 'webhook-id': 'msg_other' },
      { 'webhook-timestamp': '1731705122' },
      { 'webhook-signature': 'v1,sAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=' },
      { 'webhook-signature': headers['webhook-signature'].replace('v1,', 'v1a,') },
    ]) {
      expect(isValid('standard-webhooks', { ...headers, ...change }, body, secret)).toBe(false);
    }
    expect(isValid('standard-webhooks', headers, `${body} `, secret)).toBe(false);
    expect(isValid('standard-webhooks', headers, body, 'whsec_AAAA')).toBe(false);
  });

  it('agrees with the package standardwebhooks', () => {
    const hook = new Webhook(secret);
    for (const text of ['', '{}', 'ä€😀', 'x'.repeat(10_000)]) {
      const signedAt = new Date(1_800_000_000_000);
      const signature = hook.sign('msg_1', signedAt, text);
      const signed = { 'webhook-id': 'msg_1', 'webhook-timestamp': '1800000000', 'webhook-signature': signature };
      expect(isValid('standard-webhooks', signed, text, secret)).toBe(true);
    }
  });

  it('compares bytes, not text: bytes that are not UTF-8 differ from their replacement', () => {
    const signature = new Webhook(secret).sign('msg_1', new Date(1_800_000_000_000), '\uFFFD');
    const signed = { 'webhook-id': 'msg_1', 'webhook-timestamp': '1800000000', 'webhook-signature': signature };
    expect(isValid('standard-webhooks', signed, '\uFFFD', secret)).toBe(true);
    expect(isValid('standard-webhooks', signed, Buffer.from([0xff]), secret)).toBe(false);
  });

  it('accepts one of several signatures, and one of two secrets', () => {
    const several = { ...headers, 'webhook-signature': `v1,${'A'.repeat(43)}= ${headers['webhook-signature']}` };
    expect(isValid('standard-webhooks', several, body, 'whsec_AAAA', secret)).toBe(true);
  });
});

describe('the scheme of GitHub', () => {
  it('accepts the example of its documentation, and nothing that differs from it', () => {
    const secret = "It's a Secret to Everybody";
    const hex = '757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';
    const headers = { 'x-hub-signature-256': `sha256=${hex}` };
    expect(isValid('github', headers, 'Hello, World!', secret)).toBe(true);
    expect(isValid('github', headers, 'Hello, World?', secret)).toBe(false);
    expect(isValid('github', headers, 'Hello, World!', 'another')).toBe(false);
    for (const value of [hex, `sha1=${hex}`, `sha256=${hex.slice(1)}`, `sha256=${hex}0`, 'sha256=', '']) {
      expect(readDelivery('github', { 'x-hub-signature-256': value })).toBeUndefined();
    }
  });
});

describe('the scheme of Stripe', () => {
  const secret = 'whsec_test_secret';
  const sign = (seconds: string, text: string) =>
    createHmac('sha256', secret).update(`${seconds}.${text}`).digest('hex');
  const header = (value: string) => ({ 'stripe-signature': value });

  it('accepts the signature of time stamp and body, among others', () => {
    const valid = sign('1700000000', '{}');
    const old = 'f'.repeat(64);
    for (const value of [`t=1700000000,v1=${valid}`, `t=1700000000, v1=${old}, v1=${valid},v0=${old}`]) {
      expect(isValid('stripe', header(value), '{}', secret)).toBe(true);
      expect(isValid('stripe', header(value), '{} ', secret)).toBe(false);
    }
    expect(isValid('stripe', header(`t=1700000001,v1=${valid}`), '{}', secret)).toBe(false);
    // The old scheme v0 is not a signature of production.
    expect(readDelivery('stripe', header(`t=1700000000,v0=${valid}`))).toBeUndefined();
  });

  it.each(['', 't=1700000000', `v1=${'a'.repeat(64)}`, `t=now,v1=${'a'.repeat(64)}`, 't=1700000000,v1=abc', 't=,v1='])(
    'cannot read %j',
    (value) => {
      expect(readDelivery('stripe', header(value))).toBeUndefined();
    },
  );

  it('does not read more than a few signatures', () => {
    const many = Array.from({ length: 1_000 }, () => `v1=${'a'.repeat(64)}`).join(',');
    expect(readDelivery('stripe', header(`t=1,${many}`))?.signatures).toHaveLength(10);
  });
});

it.each<[WebhookScheme, string]>([
  ['stripe', ''],
  ['github', ''],
  ['standard-webhooks', ''],
  ['standard-webhooks', 'whsec_'],
  ['standard-webhooks', 'not base64!'],
])('a secret of %s must not be %j', (scheme, secret) => {
  // Everybody could sign with an empty secret.
  expect(() => createKey(scheme, secret)).toThrow('secret');
});
