/**
 * Asks whether a new password is known from a leak. AuthModule takes one by its option `breachedPasswords`.
 *
 * @publicApi
 */
export abstract class BreachedPasswordCheck {
  /**
   * How often the password was seen in leaks; 0 where it was not.
   *
   * @throws whatever keeps it from knowing: the password is then accepted, and the failure counted and logged
   */
  abstract timesSeen(password: string): Promise<number>;
}
