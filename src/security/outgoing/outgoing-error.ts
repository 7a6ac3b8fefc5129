/** Reason of a refused or failed request. @publicApi */
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
 * A request to a URL from a user was refused or failed. The message is for the log. Do not show it to the user, because it
 * reveals which hosts of the internal network respond.
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
