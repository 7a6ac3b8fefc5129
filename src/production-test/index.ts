export { CONFIGURATION_RULES } from './checks/configuration.rules.js';
export { apply } from './checks/rule.js';
export { runtimeFacts, RUNTIME_RULES } from './checks/runtime.rules.js';
export * from './production-test.module.js';
export * from './self-client.js';
export * from './self-test.js';
export * from './self-test.runner.js';
