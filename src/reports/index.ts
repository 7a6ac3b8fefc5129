export {
  type CheckOutcome,
  type CheckReport,
  type CheckResult,
  type CheckStatus,
  type Expectation,
  checkExpectations,
  createReport,
} from './check-result.js';
export { toGithubAnnotations } from './github-annotations.js';
export { toJUnit } from './junit.js';
export { toPretty } from './pretty.js';
export { toSarif } from './sarif.js';
export { type CheckDescription } from './timed.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { fail, getGroup, pass, skip, warn } from './check-result.js';
/** @internal */
export { SkipCheck, runCheck } from './timed.js';
