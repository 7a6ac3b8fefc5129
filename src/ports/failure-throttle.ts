/** The account and the address whose failures are counted. @publicApi */
export interface FailureSubject {
  /** Unique name of the account, such as the normalised email address. */
  readonly account: string;
  /**
   * Id of a known device: one that has proved that it logged in to the account before. Its failures count for the device
   * and the address, and not for the account.
   */
  readonly device?: string | undefined;
  /** @default the client address of the current request */
  readonly address?: string;
}

/**
 * Port that limits failed attempts, by account and by address. It stops both attacks on one account from many addresses
 * and attacks on many accounts from one address. ThrottlerModule provides the implementation. Without ThrottlerModule,
 * {@link NoFailureThrottle} is used. The port lets auth limit logins without depending on ThrottlerModule.
 *
 * A device that has logged in before has its own limit. Failures of other devices do not block it, and its failures do
 * not block other devices.
 *
 * An attempt counts as a failure from its start, so that parallel attempts cannot exceed the limit.
 *
 * @publicApi
 */
export abstract class FailureThrottle {
  /**
   * Counts an attempt. Call it before the password is checked. The returned function refunds the attempt; call it if the
   * attempt did not fail.
   *
   * @throws HttpException with status 429, which is answered with the code `RATE_LIMITED`
   */
  abstract attempt(subject: FailureSubject): Promise<() => Promise<void>>;

  /**
   * Runs an attempt. It counts as a failure if it resolves to undefined. If it throws, nothing was checked, and it does not
   * count.
   *
   * @throws HttpException with status 429, and what `run` throws
   */
  async countFailure<T>(subject: FailureSubject, run: () => Promise<T | undefined>): Promise<T | undefined> {
    const refund = await this.attempt(subject);
    let result: T | undefined;
    try {
      result = await run();
    } catch (error) {
      await refund();
      throw error;
    }
    if (result !== undefined) await refund();
    return result;
  }
}

/** Limits nothing. */
export class NoFailureThrottle extends FailureThrottle {
  async attempt(): Promise<() => Promise<void>> {
    return async () => undefined;
  }
}
