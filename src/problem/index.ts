export { ERROR_CODES, type ErrorCode } from './error-codes.js';
export { ProblemFilter } from './problem.filter.js';
export {
  type FieldError,
  type ProblemDocument,
  ProblemException,
  type ProblemMembers,
  type ProblemOptions,
} from './problem.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { createProblemDocument } from './problem.js';
