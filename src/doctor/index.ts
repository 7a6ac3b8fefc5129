export { DOCTOR_CHECKS } from './checks/index.js';
export * from './doctor.js';
export * from './doctor.check.js';
export { createBearerHeader, sendRequest, type ResponseData, type RequestOptions } from './exchange.js';
export { watchRestart } from './restart-watch.js';
export { ApiProfile, type ApiProfileOptions } from './surroundings.js';
export { Target, type TargetOptions } from './target.js';
