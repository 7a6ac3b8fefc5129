import type { Principal } from '../context/index.js';
import { ProblemException } from '../problem/index.js';

/** The caller of a request in a test. Every member has a default. @publicApi */
export interface TestPrincipal {
  /** @default `00000000-0000-4000-8000-000000000001` */
  id?: string;
  /** @default `test@example.com` */
  email?: string;
  /** Roles of the account, and roles in the tenant. @default [] */
  roles?: readonly string[];
  /** Permissions in addition to those of the roles, such as `orders:read` or `orders:*`. @default [] */
  permissions?: readonly string[];
  /** Id of the tenant that the caller acts in. @default none */
  tenant?: string;
  /** Makes the caller an API key with these permissions. An API key has no roles. @default a user */
  apiKey?: { id?: string; permissions: readonly string[] };
  /** @default `00000000-0000-4000-8000-000000000002` */
  sessionId?: string;
  /** When the caller logged in, in milliseconds since 1970. @default the time of the request */
  authenticatedAtMs?: number;
  /** Authentication methods. Contains `mfa` after two factors. @default `['pwd']` */
  methods?: readonly string[];
}

/** The header that names the caller of a request. TestAuthModule reads it. */
export const TEST_PRINCIPAL_HEADER = 'x-test-principal';

const ANONYMOUS = 'anonymous';

/**
 * Headers that make a request that of another principal than the one of `TestAuthModule.forRoot()`.
 *
 * @publicApi
 */
export function actAs(principal: TestPrincipal): Record<string, string> {
  return { [TEST_PRINCIPAL_HEADER]: Buffer.from(JSON.stringify(principal)).toString('base64url') };
}

/** Headers that make a request one without credentials. @publicApi */
export function actAsAnonymous(): Record<string, string> {
  return { [TEST_PRINCIPAL_HEADER]: ANONYMOUS };
}

/**
 * Reads the header of {@link actAs}. Undefined for an anonymous caller.
 *
 * @throws ProblemException if the header was not made by {@link actAs}
 */
export function parseTestPrincipal(header: string): TestPrincipal | undefined {
  if (header === ANONYMOUS) return undefined;
  try {
    return JSON.parse(Buffer.from(header, 'base64url').toString()) as TestPrincipal;
  } catch {
    throw new ProblemException('VALIDATION_FAILED', `Create the header ${TEST_PRINCIPAL_HEADER} by actAs().`);
  }
}

export function toPrincipal(given: TestPrincipal): Principal {
  const { apiKey } = given;
  return {
    id: given.id ?? '00000000-0000-4000-8000-000000000001',
    email: given.email ?? 'test@example.com',
    roles: apiKey ? [] : (given.roles ?? []),
    sessionId: given.sessionId ?? '00000000-0000-4000-8000-000000000002',
    ...(apiKey
      ? { apiKey: { id: apiKey.id ?? '00000000-0000-4000-8000-000000000003', permissions: apiKey.permissions } }
      : { authenticatedAtMs: given.authenticatedAtMs ?? Date.now(), methods: given.methods ?? ['pwd'] }),
    ...(given.tenant !== undefined && { tenantId: given.tenant }),
  };
}
