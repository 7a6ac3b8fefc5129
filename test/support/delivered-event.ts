import type { AuditEvent, DeliveredEvent } from '../../src/audit/index.js';
import { uuidv7 } from '../../src/common/index.js';

let count = 0;

/** An event in the form that a sink receives. */
export function deliveredEvent(fields: Partial<AuditEvent> = {}): DeliveredEvent {
  const event: AuditEvent = {
    id: uuidv7(),
    occurredAt: new Date('2026-11-21T12:00:00.123Z'),
    recordedAt: new Date('2026-11-21T12:00:01.456Z'),
    action: 'wallet.debit',
    outcome: 'success',
    severity: 'INFO',
    actorId: 'user-1',
    tenantId: 'acme',
    target: 'wallet:7',
    targets: ['wallet:7'],
    requestId: 'request-1',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    address: '192.0.2.1',
    userAgent: 'curl/8',
    route: 'POST /v1/wallets/:id/debit',
    idempotencyKey: null,
    schemaVersion: 1,
    metadata: { amount: 12 },
    ...fields,
  };
  return { cursor: `${++count}-0`, event };
}
