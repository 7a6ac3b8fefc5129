/**
 * Who a request acts for, once a guard has established it. Stands on the request as `user`.
 *
 * @publicApi
 */
export interface Principal {
  readonly id: string;
  readonly email: string;
  readonly roles: readonly string[];
  /** Login session that the access token belongs to. */
  readonly sessionId: string;
}
