import type { Principal } from '../context/principal.js';

/**
 * Port that verifies bearer credentials other than access tokens, such as API keys. ApiKeysModule provides the
 * implementation. Without it, only access tokens are accepted. The port lets auth accept API keys without depending on
 * ApiKeysModule.
 *
 * @publicApi
 */
export abstract class CredentialVerifier {
  /**
   * Returns undefined for another kind of credential, such as an access token.
   *
   * @throws ProblemException if the credential is of this kind and not valid
   */
  abstract verify(credential: string): Principal | Promise<Principal> | undefined;

  /** Revokes all credentials of a user, in the open transaction. */
  abstract revokeAll(userId: string): Promise<void>;
}
