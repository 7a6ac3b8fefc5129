export { Management } from '../guards/index.js';
export { ManagementModule } from './management.module.js';
export { type ManagementModuleOptions } from './management.options.js';
