export { Lifecycle, OnShutdown, ShutdownPhase, type ShutdownParticipant } from '../ports/index.js';
export * from './process-signals.js';
export * from './shutdown.module.js';
export { type ShutdownModuleOptions } from './shutdown.options.js';
export * from './shutdown.service.js';
