export {
  HealthCheckOf,
  type HealthContributor,
  type HealthContributorOptions,
  type HealthReport,
} from '../ports/index.js';
export * from './health-check.runner.js';
export * from './health.module.js';
export { type HealthModuleOptions, type HttpServiceCheck } from './health.options.js';
export * from './health.registry.js';
