import type { Principal } from '../context/principal.js';

/**
 * Takes bearer credentials that are no access tokens, such as API keys. ApiKeysModule binds it; without it there are none.
 * It stands in `common` so that auth can ask it without depending on ApiKeysModule.
 *
 * @publicApi
 */
export abstract class CredentialVerifier {
  /**
   * Undefined for what is none of its credentials, and may be an access token.
   *
   * @throws ProblemException where it is one, and is not good
   */
  abstract verify(credential: string): Principal | Promise<Principal> | undefined;

  /** Revokes all credentials of a user, in the open transaction. */
  abstract revokeAll(userId: string): Promise<void>;
}
