import { ProblemException, type ErrorCode, type FieldError } from '../problem/index.js';
import type { SecurityRule } from './security-reports.js';

const BY_FIELD: Readonly<Record<string, SecurityRule>> = {
  reservedName: 'reserved_keys',
  controlCharacter: 'control_characters',
  loneSurrogate: 'control_characters',
};
const BY_CODE: Partial<Record<ErrorCode, SecurityRule>> = {
  JSON_TOO_DEEP: 'body_shape',
  JSON_TOO_MANY_KEYS: 'body_shape',
};

/** The rule that a refused body has broken; undefined for one that is merely wrong, such as JSON with a typing error. */
export function violatedBy(error: unknown): SecurityRule | undefined {
  if (!(error instanceof ProblemException)) return undefined;
  const [field] = (error.extensions['errors'] ?? []) as FieldError[];
  return (field && BY_FIELD[field.code]) ?? BY_CODE[error.code];
}
