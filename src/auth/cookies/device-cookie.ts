import { createHash, createHmac, randomBytes, type KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { currentContext, type AdapterRequest } from '../../context/index.js';
import { isSameSecret } from '../../common/index.js';
import { UsersService } from '../../users/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { derivedKey, SIGNING_KEY, type SigningKey } from '../tokens/signing-key.js';
import { cookieOf } from './cookie-header.js';

export const DEVICE_COOKIE = '__Host-bulwark-device';

const DEVICE_ID_BYTES = 16;
const MAX_AGE_SECONDS = 365 * 86_400;
/** Device id, time of issue in seconds, signature. */
const VALUE = /^([\w-]{22})\.(\d{1,12})\.([\w-]{43})$/;

/**
 * Cookies of devices that have logged in (OWASP, "Slow Down Online Guessing Attacks with Device Cookies"). Failed logins
 * from such a device count for the device, so that failed logins from elsewhere do not hold back the owner.
 *
 * The value is a random device id with a signature. The account is only in the signature: the cookie is good for that one
 * account and does not tell which one it is. It authenticates nobody. A new password voids it: with a reset, the trust in the
 * devices of before ends.
 */
@Injectable()
export class DeviceCookies {
  private readonly key: KeyObject;
  private readonly isOn: boolean;

  constructor(
    @Inject(AUTH_SETTINGS) { deviceCookies }: AuthSettings,
    @Inject(SIGNING_KEY) signingKey: SigningKey,
    private readonly adapterHost: HttpAdapterHost,
    private readonly users: UsersService,
  ) {
    this.key = derivedKey(signingKey, 'bulwark device cookie');
    this.isOn = deviceCookies;
  }

  /** The device cookie of a request, unverified; undefined where there is none, or where device cookies are off. */
  read({ headers }: AdapterRequest): string | undefined {
    return this.isOn ? cookieOf(headers.cookie, DEVICE_COOKIE) : undefined;
  }

  /**
   * The id of the device, if its cookie is good for the account.
   *
   * @param account normalised email address
   */
  async deviceOf(cookie: string | undefined, account: string): Promise<string | undefined> {
    const [, deviceId, issuedAt, mac] = VALUE.exec(cookie ?? '') ?? [];
    if (!this.isOn || deviceId === undefined || issuedAt === undefined || mac === undefined) return undefined;
    if (nowInSeconds() - Number(issuedAt) > MAX_AGE_SECONDS) return undefined;
    return isSameSecret(mac, await this.mac(deviceId, issuedAt, account)) ? deviceId : undefined;
  }

  /** Gives the client of a successful login a cookie for a year. A device that is known for the account keeps its id. */
  async remember(request: AdapterRequest, response: unknown, account: string): Promise<void> {
    if (!this.isOn) return;
    const known = await this.deviceOf(this.read(request), account);
    const deviceId = known ?? randomBytes(DEVICE_ID_BYTES).toString('base64url');
    const issuedAt = String(nowInSeconds());
    const value = `${deviceId}.${issuedAt}.${await this.mac(deviceId, issuedAt, account)}`;
    const attributes = {
      httpOnly: true,
      secure: true,
      sameSite: 'strict',
      path: '/',
      maxAge: MAX_AGE_SECONDS,
    } as const;
    this.adapterHost.httpAdapter.setCookie?.(response, DEVICE_COOKIE, value, attributes);
  }

  private async mac(deviceId: string, issuedAt: string, account: string): Promise<string> {
    const hash = (await this.users.findForLogin(account))?.passwordHash ?? '';
    const password = createHash('sha256').update(hash).digest('base64url');
    const parts = [deviceId, issuedAt, account, password];
    return createHmac('sha256', this.key).update(JSON.stringify(parts)).digest('base64url');
  }
}

/** The device of a caller who is logged in: its session, which nobody opens without the password. */
export function deviceOfSession(): string | undefined {
  const sessionId = currentContext()?.principal?.sessionId;
  return sessionId === undefined ? undefined : `session:${sessionId}`;
}

function nowInSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
