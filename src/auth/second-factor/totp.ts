import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** What authenticator apps understand without being told: SHA-1, six digits, thirty seconds. */
const DIGITS = 6;
const STEP_SECONDS = 30;
/** Length of the HMAC's output, as RFC 4226, section 4, asks for. */
const SECRET_BYTES = 20;
/** Steps before and after the current one that count, for clocks that are off (RFC 6238, section 5.2). */
const TOLERANCE = [0, -1, 1];
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

export function newSecret(): Buffer {
  return randomBytes(SECRET_BYTES);
}

/** The time step of a moment (RFC 6238, section 4.2). */
export function stepAt(nowMs: number): number {
  return Math.floor(nowMs / 1000 / STEP_SECONDS);
}

/** The code of a time step (RFC 4226, section 5.3). */
export function codeOf(secret: Buffer, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', secret).update(counter).digest();
  const offset = mac.readUInt8(mac.length - 1) & 0x0f;
  const value = mac.readUInt32BE(offset) & 0x7fffffff;
  return String(value % 10 ** DIGITS).padStart(DIGITS, '0');
}

/** The step that a code belongs to; undefined where it is not of now. */
export function matchingStep(secret: Buffer, code: string, nowMs: number): number | undefined {
  if (!/^\d{6}$/.test(code)) return undefined;
  const given = Buffer.from(code);
  return TOLERANCE.map((delta) => stepAt(nowMs) + delta).find((step) =>
    timingSafeEqual(Buffer.from(codeOf(secret, step)), given),
  );
}

/** The secret as authenticator apps take it (RFC 4648, section 6, without padding). */
export function base32(bytes: Buffer): string {
  let text = '';
  let [value, bits] = [0, 0];
  for (const byte of bytes) {
    value = (value << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += BASE32[(value >>> (bits - 5)) & 31];
    value &= (1 << bits) - 1;
  }
  return bits > 0 ? text + BASE32[(value << (5 - bits)) & 31] : text;
}

/** What an authenticator app reads from a QR code (Key Uri Format of Google Authenticator). */
export function otpauthUri(issuer: string, account: string, secret: Buffer): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(account)}`;
  return `otpauth://totp/${label}?secret=${base32(secret)}&issuer=${encodeURIComponent(issuer)}`;
}
