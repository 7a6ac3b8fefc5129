export { Lifecycle, OnShutdown, type ShutdownParticipant, ShutdownPhase } from '../ports/index.js';
export { explainError, exitWithError } from './exit.js';
export { EXIT_CRASHED, EXIT_OK, EXIT_WORK_LOST, exitOnSignals, shutDownOnSignals } from './process-signals.js';
export { ShutdownModule } from './shutdown.module.js';
export { type ShutdownModuleOptions } from './shutdown.options.js';
export { type ShutdownOutcome, ShutdownService } from './shutdown.service.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { SHUTDOWN_SETTINGS, type ShutdownSettings } from './shutdown.options.js';
