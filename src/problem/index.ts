export { ERROR_CODES, type ErrorCode } from './error-codes.js';
export { ProblemFilter } from './problem.filter.js';
export { type FieldError, type ProblemDocument } from './problem-document.js';
export { ProblemException, type ProblemMembers, type ProblemOptions } from './problem.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { createProblemDocument } from './problem-document.js';
/** @internal */
export { GlobalProblemFilter, ProblemModule } from './problem.module.js';
/** @internal */
export { toProblemDocument } from './problem.js';
