import { CreateAuditEvents1795000002000 } from './audit/index.js';
import { CreateSessions1795000001000 } from './auth/index.js';
import { CreateUsers1795000000000 } from './users/index.js';

/** Every migration of the reference application. */
export const migrations = [CreateUsers1795000000000, CreateSessions1795000001000, CreateAuditEvents1795000002000];
