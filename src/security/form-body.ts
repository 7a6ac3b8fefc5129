import { ProblemException } from '../problem/index.js';
import { assertNoReservedNames } from '../validation/index.js';

/**
 * Parses an `application/x-www-form-urlencoded` body. A repeated name becomes an array. Brackets have no special meaning.
 * The parsers of the two adapters are not used, because their limits differ.
 *
 * @throws ProblemException `PAYLOAD_TOO_LARGE`, or `VALIDATION_FAILED` for reserved names
 */
export function parseFormText(text: string, maxFields: number): Record<string, string | string[]> {
  const parameters = new URLSearchParams(text);
  if (parameters.size > maxFields) {
    throw new ProblemException('PAYLOAD_TOO_LARGE', `Send at most ${maxFields} fields.`);
  }
  const names = new Set(parameters.keys());
  const fields = Object.fromEntries(
    [...names].map((name) => {
      const [first = '', ...others] = parameters.getAll(name);
      return [name, others.length === 0 ? first : [first, ...others]];
    }),
  );
  assertNoReservedNames(fields);
  return fields;
}
