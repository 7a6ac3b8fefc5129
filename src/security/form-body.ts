import { ProblemException } from '../problem/index.js';
import { refuseReservedNames } from './reserved-keys.js';

/**
 * The fields of an `application/x-www-form-urlencoded` body, flat: a repeated name gives an array, brackets mean
 * nothing. Both adapters have parsers of their own, with different limits.
 *
 * @throws ProblemException `PAYLOAD_TOO_LARGE`, or `VALIDATION_FAILED` for reserved names
 */
export function parseFormText(text: string, maximumFields: number): Record<string, string | string[]> {
  const parameters = new URLSearchParams(text);
  if (parameters.size > maximumFields) {
    throw new ProblemException('PAYLOAD_TOO_LARGE', `Send at most ${maximumFields} fields.`);
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
