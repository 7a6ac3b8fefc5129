export * from './event-budget.js';
export * from './load-package.js';
export * from './same-secret.js';
export * from './secret-shapes.js';
export * from './streaks.js';
export * from './time-limit.js';
export * from './uuid.js';
