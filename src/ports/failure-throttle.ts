/** Whose failures are counted: the account, and the address that tries. @publicApi */
export interface FailureSubject {
  /** The account as it is told apart from others, such as the normalised email address. */
  readonly account: string;
  /**
   * The device, where it has proved that it logged in to the account before. Its failures then count for the device and
   * the address, and not for the account.
   */
  readonly device?: string | undefined;
  /** @default the client address of the current request */
  readonly address?: string;
}

/**
 * Holds back who fails too often, by account and by address together: neither one account tried from many addresses
 * nor one address that tries many accounts gets through. ThrottlerModule binds it; without it {@link NoFailureThrottle}
 * stands in. It stands in `common` so that auth can use it without depending on ThrottlerModule.
 *
 * A device that has logged in before has an allowance of its own: it can neither be held back by failures from elsewhere
 * nor hold back others.
 *
 * An attempt counts as failed from its beginning, so that a thousand at once do not pass for one.
 *
 * @publicApi
 */
export abstract class FailureThrottle {
  /**
   * Called before a password is checked. The returned function refunds the attempt; call it if the attempt did not fail.
   *
   * @throws HttpException with status 429, which is answered with the code `RATE_LIMITED`
   */
  abstract attempt(subject: FailureSubject): Promise<() => Promise<void>>;
}

/** Holds nobody back. */
export class NoFailureThrottle extends FailureThrottle {
  async attempt(): Promise<() => Promise<void>> {
    return async () => undefined;
  }
}
