export { type CheckContext, type DoctorCheck } from './doctor.check.js';
export { type DoctorOptions, type DoctorReport, createPlan, runDoctor } from './doctor.js';
export { type RequestOptions, type ResponseData } from './exchange.js';
export { OpenApi, type Route } from './open-api.js';
export { watchRestart } from './restart-watch.js';
export { ApiProfile, type ApiProfileOptions, type Credentials } from './surroundings.js';
export { type SeenCookie, Target, type TargetRequestOptions } from './target.js';

// For other folders of this project. The published types do not have these names.
/** @internal */
export { DOCTOR_CHECKS } from './checks/index.js';
/** @internal */
export { UnreachableError } from './doctor.js';
/** @internal */
export { createBearerHeader, sendRequest } from './exchange.js';
