import { ProblemException } from '../common/index.js';
import { decodeBody } from './json-body.js';
import { refuseReservedNames } from './reserved-keys.js';

const MAXIMUM_FIELDS = 1000;

/**
 * The fields of an `application/x-www-form-urlencoded` body, flat: a repeated name gives an array, brackets mean
 * nothing. Both adapters have parsers of their own, with different limits.
 *
 * @throws ProblemException `INVALID_ENCODING`, `PAYLOAD_TOO_LARGE`, or `VALIDATION_FAILED` for reserved names
 */
export function parseFormBody(body: Buffer): Record<string, string | string[]> {
  const parameters = new URLSearchParams(decodeBody(body));
  if (parameters.size > MAXIMUM_FIELDS) {
    throw new ProblemException('PAYLOAD_TOO_LARGE', `Send at most ${MAXIMUM_FIELDS} fields.`);
  }
  const names = new Set(parameters.keys());
  const fields = Object.fromEntries(
    [...names].map((name) => {
      const [first = '', ...others] = parameters.getAll(name);
      return [name, others.length === 0 ? first : [first, ...others]];
    }),
  );
  refuseReservedNames(fields);
  return fields;
}
