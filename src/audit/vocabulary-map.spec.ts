import { describe, expect, it } from 'vitest';
import type { AuditEvent } from './audit-event.entity.js';
import { ocsfOf, owaspNameOf } from './vocabulary-map.js';

const eventOf = (action: string): AuditEvent => ({
  id: '01890a5d-ac96-7001-8000-000000000000',
  occurredAt: new Date(1),
  recordedAt: new Date(2),
  action,
  outcome: 'failure',
  severity: 'WARNING',
  actorId: 'u1',
  tenantId: 'acme',
  target: 'user:u1',
  targets: ['user:u1'],
  requestId: 'r1',
  traceId: null,
  address: '192.0.2.1',
  userAgent: 'suite',
  route: 'POST /auth/login',
  idempotencyKey: null,
  schemaVersion: 1,
  metadata: {},
});

describe('an event in other vocabularies', () => {
  it('has its OWASP name', () => {
    expect(owaspNameOf('auth.failed_login')).toBe('authn_login_fail');
    expect(owaspNameOf('wallet.debit')).toBeUndefined();
  });

  it('has the class, type and severity of OCSF', () => {
    expect(ocsfOf(eventOf('auth.failed_login'))).toMatchObject({
      category_uid: 3,
      class_uid: 3002,
      type_uid: 300_201,
      severity_id: 3,
      status_id: 2,
    });
  });

  it('is API activity if its action belongs to the application', () => {
    expect(ocsfOf(eventOf('wallet.debit'))).toMatchObject({ class_uid: 6003, type_uid: 600_399 });
  });
});
