export {
  HealthCheckOf,
  type HealthContributor,
  type HealthContributorOptions,
  type HealthReport,
} from '../ports/index.js';
export { type HealthResult, type HealthState } from './health-check.runner.js';
export { HealthModule } from './health.module.js';
export { type DataSourceCheck, type HealthModuleOptions, type HttpServiceCheck } from './health.options.js';
export { HealthRegistry } from './health.registry.js';
