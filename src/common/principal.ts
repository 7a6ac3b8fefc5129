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

/**
 * Finds out who a request acts for where no guard has done so, on public routes. AuthModule binds it.
 *
 * @publicApi
 */
export abstract class PrincipalResolver {
  /** Undefined where the request carries no valid token. Never throws. */
  abstract resolve(request: unknown): Promise<Principal | undefined>;
}
