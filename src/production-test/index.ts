export { ProductionTestModule, type ProductionTestModuleOptions } from './production-test.module.js';
export { type Run, type RunSummary } from './run-history.js';
export { SelfTest, type SelfTestCheck, type SelfTestSuite } from './self-test.js';
export { type GroupResult } from './self-test.runner.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { readFactsOfConfig } from './checks/configuration.facts.js';
/** @internal */
export { CONFIGURATION_RULES } from './checks/configuration.rules.js';
/** @internal */
export { DATABASE_LOGIN_RULES, type LoginFacts } from './checks/database-login.rules.js';
/** @internal */
export { DATABASE_RULES } from './checks/database.rules.js';
/** @internal */
export { REDIS_RULES } from './checks/redis.rules.js';
/** @internal */
export { type Rule, applyRule } from './checks/rule.js';
/** @internal */
export { RUNTIME_RULES, readRuntimeFacts } from './checks/runtime.rules.js';
