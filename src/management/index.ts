export { Management, AlsoOnMainPort } from '../guards/index.js';
export * from './management.module.js';
export { type ManagementModuleOptions } from './management.options.js';
