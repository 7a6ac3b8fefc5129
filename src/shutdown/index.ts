export { Lifecycle, OnShutdown, ShutdownPhase, type ShutdownParticipant } from '../common/index.js';
export * from './process-signals.js';
export * from './shutdown.module.js';
export { type ShutdownModuleOptions } from './shutdown.options.js';
export * from './shutdown.service.js';
