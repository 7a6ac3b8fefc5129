export { CONFIGURATION_RULES } from './checks/configuration.rules.js';
export { DATABASE_RULES } from './checks/database.rules.js';
export { REDIS_RULES } from './checks/redis.rules.js';
export { apply, type Rule } from './checks/rule.js';
export { runtimeFacts, RUNTIME_RULES } from './checks/runtime.rules.js';
export * from './production-test.module.js';
export * from './self-client.js';
export * from './self-test.js';
export * from './self-test.runner.js';
