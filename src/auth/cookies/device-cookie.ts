import { createHash, createHmac, randomBytes, type KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { currentContext, type AdapterRequest } from '../../context/index.js';
import { isSameSecret } from '../../common/index.js';
import { UsersService } from '../../users/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { deriveKey, SIGNING_KEY, type SigningKey } from '../tokens/signing-key.js';
import { readCookie } from './cookie-header.js';

export const DEVICE_COOKIE = '__Host-bulwark-device';

const DEVICE_ID_BYTES = 16;
const MAX_AGE_SECONDS = 365 * 86_400;
/** Device id, time of issue in seconds, signature. */
const COOKIE_PATTERN = /^([\w-]{22})\.(\d{1,12})\.([\w-]{43})$/;

/**
 * Cookies of devices that have logged in (OWASP, "Slow Down Online Guessing Attacks with Device Cookies"). Failed logins
 * from such a device count for the device, so failed logins from other places do not block the owner.
 *
 * The value is a random device id with a signature. The account is part of the signature only: the cookie is valid for one
 * account, but does not reveal which one. It does not authenticate a request. A new password voids it, so a reset ends the
 * trust in all known devices.
 */
@Injectable()
export class DeviceCookies {
  private readonly key: KeyObject;
  private readonly isEnabled: boolean;

  constructor(
    @Inject(AUTH_SETTINGS) { deviceCookies }: AuthSettings,
    @Inject(SIGNING_KEY) signingKey: SigningKey,
    private readonly adapterHost: HttpAdapterHost,
    private readonly users: UsersService,
  ) {
    this.key = deriveKey(signingKey, 'bulwark device cookie');
    this.isEnabled = deviceCookies;
  }

  /** Returns the device cookie of a request without verifying it. Returns undefined if device cookies are disabled. */
  read({ headers }: AdapterRequest): string | undefined {
    return this.isEnabled ? readCookie(headers.cookie, DEVICE_COOKIE) : undefined;
  }

  /**
   * Returns the id of the device if its cookie is valid for the account.
   *
   * @param account normalised email address
   */
  async getDeviceId(cookie: string | undefined, account: string): Promise<string | undefined> {
    const [, deviceId, issuedAt, mac] = COOKIE_PATTERN.exec(cookie ?? '') ?? [];
    if (!this.isEnabled || deviceId === undefined || issuedAt === undefined || mac === undefined) return undefined;
    if (getNowSeconds() - Number(issuedAt) > MAX_AGE_SECONDS) return undefined;
    return isSameSecret(mac, await this.computeMac(deviceId, issuedAt, account)) ? deviceId : undefined;
  }

  /** Sets a cookie for one year after a successful login. A device that is known for the account keeps its id. */
  async issue(request: AdapterRequest, response: unknown, account: string): Promise<void> {
    if (!this.isEnabled) return;
    const known = await this.getDeviceId(this.read(request), account);
    const deviceId = known ?? randomBytes(DEVICE_ID_BYTES).toString('base64url');
    const issuedAt = String(getNowSeconds());
    const value = `${deviceId}.${issuedAt}.${await this.computeMac(deviceId, issuedAt, account)}`;
    const attributes = {
      httpOnly: true,
      secure: true,
      sameSite: 'strict',
      path: '/',
      maxAge: MAX_AGE_SECONDS,
    } as const;
    this.adapterHost.httpAdapter.setCookie?.(response, DEVICE_COOKIE, value, attributes);
  }

  private async computeMac(deviceId: string, issuedAt: string, account: string): Promise<string> {
    const hash = (await this.users.findForLogin(account))?.passwordHash ?? '';
    const password = createHash('sha256').update(hash).digest('base64url');
    const parts = [deviceId, issuedAt, account, password];
    return createHmac('sha256', this.key).update(JSON.stringify(parts)).digest('base64url');
  }
}

/** Returns a device id for the caller's session. A session counts as a known device: it began with the password. */
export function getSessionDevice(): string | undefined {
  const sessionId = currentContext()?.principal?.sessionId;
  return sessionId === undefined ? undefined : `session:${sessionId}`;
}

function getNowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
