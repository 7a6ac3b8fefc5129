export { Management, OnMainPortToo } from '../common/index.js';
export * from './management.module.js';
export { type ManagementModuleOptions } from './management.options.js';
