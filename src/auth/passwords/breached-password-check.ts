/**
 * Checks whether a new password is in a known leak. Pass one to AuthModule as the option `breachedPasswords`.
 *
 * @publicApi
 */
export abstract class BreachedPasswordCheck {
  /**
   * Returns how often the password occurs in known leaks, or 0.
   *
   * @throws any error if the check fails. The password is then accepted, and the failure is counted and logged
   */
  abstract countBreaches(password: string): Promise<number>;
}
