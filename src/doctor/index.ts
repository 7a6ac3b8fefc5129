export { DOCTOR_CHECKS } from './checks/index.js';
export * from './doctor.js';
export * from './doctor.check.js';
export { bearer, exchange, type Answer, type Ask } from './exchange.js';
export { watchRestart } from './restart-watch.js';
export { Surroundings, type SurroundingsOptions } from './surroundings.js';
export { Target, type TargetOptions } from './target.js';
