import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** How a provider signs its deliveries. @publicApi */
export type WebhookScheme = 'stripe' | 'github' | 'standard-webhooks';

/** What the headers of a delivery say. */
export interface SignedDelivery {
  readonly signatures: readonly Buffer[];
  /** When the provider signed it. GitHub does not say. */
  readonly signedAtMs?: number;
  /** What stands in front of the body in the signed text. */
  readonly prefix: string;
}

interface Scheme {
  /** Header that every delivery of the scheme has. */
  readonly header: string;
  /** Returns undefined if the headers are missing or malformed. */
  read(headers: IncomingHttpHeaders): SignedDelivery | undefined;
  /** @throws TypeError if it is no secret of the scheme */
  getKey(secret: string): Buffer;
}

/** A sender has at most a few signatures: one for each secret, during a rotation. */
const MAX_SIGNATURES = 10;
const SECONDS = /^\d{1,12}$/;
const HEX_SHA256 = /^[\da-f]{64}$/i;
const BASE64_SHA256 = /^[A-Za-z\d+/]{43}=$/;
const WEBHOOK_SECRET = /^(?:whsec_)?([A-Za-z\d+/]+={0,2})$/;

const SCHEMES: Readonly<Record<WebhookScheme, Scheme>> = {
  /** https://docs.stripe.com/webhooks#verify-manually */
  stripe: {
    header: 'stripe-signature',
    read: (headers) => {
      const parts = String(headers['stripe-signature'] ?? '').split(',', MAX_SIGNATURES + 1);
      const valuesOf = (name: string) =>
        parts.filter((part) => part.trim().startsWith(`${name}=`)).map((part) => part.trim().slice(name.length + 1));
      const [seconds = ''] = valuesOf('t');
      return createDelivery(seconds, `${seconds}.`, decodeAll(valuesOf('v1'), HEX_SHA256, 'hex'));
    },
    getKey: (secret) => Buffer.from(secret),
  },
  /** https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries */
  github: {
    header: 'x-hub-signature-256',
    read: (headers) => {
      const value = String(headers['x-hub-signature-256'] ?? '');
      const hex = value.startsWith('sha256=') ? value.slice('sha256='.length) : '';
      const signatures = decodeAll([hex], HEX_SHA256, 'hex');
      return signatures.length === 0 ? undefined : { signatures, prefix: '' };
    },
    getKey: (secret) => Buffer.from(secret),
  },
  /** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
  'standard-webhooks': {
    header: 'webhook-signature',
    read: (headers) => {
      const id = String(headers['webhook-id'] ?? '');
      const seconds = String(headers['webhook-timestamp'] ?? '');
      const tokens = String(headers['webhook-signature'] ?? '').split(' ', MAX_SIGNATURES);
      const values = tokens.filter((token) => token.startsWith('v1,')).map((token) => token.slice('v1,'.length));
      if (id === '') return undefined;
      return createDelivery(seconds, `${id}.${seconds}.`, decodeAll(values, BASE64_SHA256, 'base64'));
    },
    getKey: (secret) => {
      const base64 = WEBHOOK_SECRET.exec(secret)?.[1];
      if (base64 === undefined) throw new TypeError('a secret of Standard Webhooks is base64, usually behind whsec_');
      return Buffer.from(base64, 'base64');
    },
  },
};

export function getSignatureHeader(scheme: WebhookScheme): string {
  return SCHEMES[scheme].header;
}

export function readDelivery(scheme: WebhookScheme, headers: IncomingHttpHeaders): SignedDelivery | undefined {
  return SCHEMES[scheme].read(headers);
}

/** @throws TypeError if it is empty, with which everybody could sign, or no secret of the scheme */
export function createKey(scheme: WebhookScheme, secret: string): Buffer {
  const key = typeof secret === 'string' ? SCHEMES[scheme].getKey(secret) : Buffer.of();
  if (key.length === 0) throw new TypeError('a secret is empty or missing');
  return key;
}

/** Returns the signature that one of the keys has made. The comparison takes the same time for all signatures. */
export function findValidSignature(
  { signatures, prefix }: SignedDelivery,
  body: Buffer,
  keys: readonly Buffer[],
): Buffer | undefined {
  for (const key of keys) {
    const expected = createHmac('sha256', key).update(prefix).update(body).digest();
    if (signatures.some((signature) => timingSafeEqual(signature, expected))) return expected;
  }
  return undefined;
}

function createDelivery(seconds: string, prefix: string, signatures: readonly Buffer[]): SignedDelivery | undefined {
  if (!SECONDS.test(seconds) || signatures.length === 0) return undefined;
  return { signatures, prefix, signedAtMs: Number(seconds) * 1_000 };
}

/** Decodes the values that have the form of an HMAC-SHA256. Others cannot be valid. */
function decodeAll(values: readonly string[], form: RegExp, encoding: BufferEncoding): Buffer[] {
  return values.filter((value) => form.test(value)).map((value) => Buffer.from(value, encoding));
}
