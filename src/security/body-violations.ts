import { ProblemException, type ErrorCode, type FieldError } from '../problem/index.js';
import type { SecurityRule } from './security-reports.js';

const RULE_BY_FIELD_CODE: Readonly<Record<string, SecurityRule>> = {
  reservedName: 'reserved_keys',
  controlCharacter: 'control_characters',
  loneSurrogate: 'control_characters',
};
const RULE_BY_ERROR_CODE: Partial<Record<ErrorCode, SecurityRule>> = {
  JSON_TOO_DEEP: 'body_shape',
  JSON_TOO_MANY_KEYS: 'body_shape',
};

/** Returns the security rule that a rejected body violates. Undefined for an ordinary error, such as a syntax error in JSON. */
export function getViolatedRule(error: unknown): SecurityRule | undefined {
  if (!(error instanceof ProblemException)) return undefined;
  const [field] = (error.extensions['errors'] ?? []) as FieldError[];
  return (field && RULE_BY_FIELD_CODE[field.code]) ?? RULE_BY_ERROR_CODE[error.code];
}
