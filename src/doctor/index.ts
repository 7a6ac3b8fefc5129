export * from './doctor.js';
export { watchRestart } from './restart-watch.js';
