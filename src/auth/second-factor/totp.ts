import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** The defaults of authenticator apps: SHA-1, six digits, thirty seconds. */
const DIGITS = 6;
const STEP_SECONDS = 30;
/** Length of the HMAC's output, which RFC 4226, section 4, recommends. */
const SECRET_BYTES = 20;
/** One step before and one after the current step are accepted, for inexact clocks (RFC 6238, section 5.2). */
const ACCEPTED_STEP_OFFSETS = [0, -1, 1];
const BASE32_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

export function generateSecret(): Buffer {
  return randomBytes(SECRET_BYTES);
}

/** Returns the time step of a time (RFC 6238, section 4.2). */
export function getTimeStep(nowMs: number): number {
  return Math.floor(nowMs / 1000 / STEP_SECONDS);
}

/** Returns the code of a time step (RFC 4226, section 5.3). */
export function generateCode(secret: Buffer, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', secret).update(counter).digest();
  const offset = mac.readUInt8(mac.length - 1) & 0x0f;
  const value = mac.readUInt32BE(offset) & 0x7fffffff;
  return String(value % 10 ** DIGITS).padStart(DIGITS, '0');
}

/** Returns the time step of a code. Returns undefined if the code is not valid now. */
export function findMatchingStep(secret: Buffer, code: string, nowMs: number): number | undefined {
  if (!/^\d{6}$/.test(code)) return undefined;
  const given = Buffer.from(code);
  return ACCEPTED_STEP_OFFSETS.map((delta) => getTimeStep(nowMs) + delta).find((step) =>
    timingSafeEqual(Buffer.from(generateCode(secret, step)), given),
  );
}

/** Encodes a secret for authenticator apps (RFC 4648, section 6, without padding). */
export function encodeBase32(bytes: Buffer): string {
  let text = '';
  let [value, bits] = [0, 0];
  for (const byte of bytes) {
    value = (value << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += BASE32_ALPHABET[(value >>> (bits - 5)) & 31];
    value &= (1 << bits) - 1;
  }
  return bits > 0 ? text + BASE32_ALPHABET[(value << (5 - bits)) & 31] : text;
}

/** Creates the URI that an authenticator app reads from a QR code (Key Uri Format of Google Authenticator). */
export function createOtpauthUri(issuer: string, account: string, secret: Buffer): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(account)}`;
  return `otpauth://totp/${label}?secret=${encodeBase32(secret)}&issuer=${encodeURIComponent(issuer)}`;
}
