export { type RecordedEvent, type RecordedEventFilter } from './recorded-event.js';
export { TestAuditModule, type TestAuditModuleOptions, auditEvents, clearAuditEvents } from './test-audit.module.js';
export { TestAuthModule } from './test-auth.module.js';
export { type TestAuthModuleOptions } from './test-auth.options.js';
export { type TestClock, useTestClock } from './test-clock.js';
export { type TestPrincipal, actAs, actAsAnonymous } from './test-principal.js';
export { MODULES_WITH_DATABASE } from './modules-with-database.js';
