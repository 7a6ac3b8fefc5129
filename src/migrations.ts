import { CreateApiKeys1795000320000 } from './api-keys/index.js';
import {
  CreateAuditEvents1795000002000,
  CreateAuditFeed1795000110000,
  CreateAuditSeals1795000101000,
  ExtendAuditEvents1795000100000,
  PartitionAuditEvents1795000112000,
} from './audit/index.js';
import {
  AllowSeveralOneTimeTokens1795000500000,
  AddSessionAuthentication1795000201000,
  AddSessionClients1795000010000,
  AddSessionTenants1795000301000,
  CreateAccountMail1795000011000,
  CreateSecondFactors1795000202000,
  CreateSessions1795000001000,
  IndexEndedSessions1795000410000,
} from './auth/index.js';
import { CreateIdempotencyKeys1795000400000 } from './idempotency/index.js';
import { CreatePeriodicTaskClaims1795000600000 } from './periodic-tasks/index.js';
import {
  AddTenantOperations1795000315000,
  CreateTenantRole1795000311000,
  CreateTenants1795000310000,
  TieMembersToUsers1795000312000,
} from './tenants/index.js';
import {
  AddUserDeactivation1795000200000,
  AddUserLocks1795000009000,
  AllowConfiguredRoles1795000300000,
  CreateUsers1795000000000,
  TieAccountsToUsers1795000209000,
} from './users/index.js';

/** Every migration of the reference application. */
export const migrations = [
  CreateUsers1795000000000,
  CreateSessions1795000001000,
  CreateAuditEvents1795000002000,
  AddUserLocks1795000009000,
  AddSessionClients1795000010000,
  CreateAccountMail1795000011000,
  ExtendAuditEvents1795000100000,
  CreateAuditSeals1795000101000,
  CreateAuditFeed1795000110000,
  PartitionAuditEvents1795000112000,
  AddUserDeactivation1795000200000,
  AddSessionAuthentication1795000201000,
  CreateSecondFactors1795000202000,
  TieAccountsToUsers1795000209000,
  AllowConfiguredRoles1795000300000,
  AddSessionTenants1795000301000,
  CreateTenants1795000310000,
  CreateTenantRole1795000311000,
  TieMembersToUsers1795000312000,
  AddTenantOperations1795000315000,
  CreateApiKeys1795000320000,
  CreateIdempotencyKeys1795000400000,
  IndexEndedSessions1795000410000,
  AllowSeveralOneTimeTokens1795000500000,
  CreatePeriodicTaskClaims1795000600000,
];
