/**
 * The authenticated caller of a request. A guard stores it on the request as `user`.
 *
 * @publicApi
 */
export interface Principal {
  readonly id: string;
  readonly email: string;
  /** The current roles of the account, plus its roles in the current tenant. Empty for an API key. */
  readonly roles: readonly string[];
  /** Login session that the access token belongs to. */
  readonly sessionId: string;
  /** When the user last authenticated, in milliseconds since 1970 (claim `auth_time`). Undefined for an API key. */
  readonly authenticatedAtMs?: number;
  /** Authentication methods, by the names of RFC 8176 (claim `amr`). Contains `mfa` after two factors. */
  readonly methods?: readonly string[];
  /** Tenant that the request acts in. */
  readonly tenantId?: string;
  /** Set if an API key acts for its owner. */
  readonly apiKey?: ApiKeyIdentity;
}

/** @publicApi */
export interface ApiKeyIdentity {
  readonly id: string;
  /** Permissions that the key was created with and that its owner still has. */
  readonly permissions: readonly string[];
}

/**
 * Finds the principal of a request on public routes, where no guard authenticates. AuthModule provides the
 * implementation. A cookie is accepted only if the request passes the CSRF check.
 *
 * @publicApi
 */
export abstract class PrincipalResolver {
  /** Undefined if the request carries no valid token. Never throws. */
  abstract resolve(request: unknown): Promise<Principal | undefined>;
}
