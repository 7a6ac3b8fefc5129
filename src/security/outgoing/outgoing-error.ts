/** Why a request was not made, or broken off. @publicApi */
export type OutgoingErrorCode =
  | 'OUTGOING_URL_INVALID'
  | 'OUTGOING_SCHEME_REFUSED'
  | 'OUTGOING_CREDENTIALS_REFUSED'
  | 'OUTGOING_PORT_REFUSED'
  | 'OUTGOING_ADDRESS_REFUSED'
  | 'OUTGOING_REDIRECTS_EXCEEDED'
  | 'OUTGOING_BODY_TOO_LARGE'
  | 'OUTGOING_TIMEOUT'
  | 'OUTGOING_FAILED';

/**
 * A request to a URL that a user gave was refused or failed. The message is for the log: shown to the user, it would tell
 * what answers inside the network and what does not.
 *
 * @publicApi
 */
export class OutgoingRequestError extends Error {
  override readonly name = 'OutgoingRequestError';

  constructor(
    readonly code: OutgoingErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
