/**
 * Who a request acts for, once a guard has established it. Stands on the request as `user`.
 *
 * @publicApi
 */
export interface Principal {
  readonly id: string;
  readonly email: string;
  /** Roles that hold now: those of the account and, within a tenant, those that it has there. None for an API key. */
  readonly roles: readonly string[];
  /** Login session that the access token belongs to. */
  readonly sessionId: string;
  /** When the user last proved to be who they are, in milliseconds since 1970 (claim `auth_time`). None for an API key. */
  readonly authenticatedAtMs?: number;
  /** How, by the names of RFC 8176 (claim `amr`); `mfa` among them after two factors. */
  readonly methods?: readonly string[];
  /** Tenant that the request acts in. */
  readonly tenantId?: string;
  /** Set where an API key acts for its owner. */
  readonly apiKey?: ApiKeyIdentity;
}

/** @publicApi */
export interface ApiKeyIdentity {
  readonly id: string;
  /** What the key was made for and its owner may still do. */
  readonly permissions: readonly string[];
}

/**
 * Finds out who a request acts for where no guard has done so, on public routes. AuthModule binds it. A cookie counts only
 * where the request passes the CSRF check.
 *
 * @publicApi
 */
export abstract class PrincipalResolver {
  /** Undefined where the request carries no valid token. Never throws. */
  abstract resolve(request: unknown): Promise<Principal | undefined>;
}
