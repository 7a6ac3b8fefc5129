import type { Scenario } from '../harness/scenario.js';
import { audit } from './audit.js';
import { auditExport } from './audit-export.js';
import { auditStore } from './audit-store.js';
import { auth } from './auth.js';
import { cache } from './cache.js';
import { cachedRoutes } from './cached-routes.js';
import { compression } from './compression.js';
import { loginFlood } from './login-flood.js';
import { loginTiming } from './login-timing.js';
import { outage } from './outage.js';
import { security } from './security.js';
import { slowClients } from './slow-clients.js';
import { stack } from './stack.js';
import { throttlerStore } from './throttler-store.js';
import { throttler } from './throttler.js';
import { validation } from './validation.js';

/** The scenarios in the order of their runs. A new scenario needs one module and one entry here. */
export const scenarios: Scenario[] = [
  stack,
  auth,
  audit,
  auditStore,
  auditExport,
  loginFlood,
  loginTiming,
  outage,
  throttlerStore,
  throttler,
  cache,
  cachedRoutes,
  validation,
  security,
  compression,
  slowClients,
];
