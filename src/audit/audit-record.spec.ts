import { describe, expect, it } from 'vitest';
import { RequestContext, runWithContext } from '../context/index.js';
import type { AuditInput, AuditTrail } from '../ports/index.js';
import { AuditActionRegistry } from './actions.js';
import { auditLine, type AuditRecord } from './audit-record.js';
import { Redaction } from './redaction.js';

declare module '../ports/index.js' {
  interface AuditActions {
    'typed.action': { amount: number };
  }
}

const redaction = new Redaction({ redact: [], redactEmails: false });
const actions = new AuditActionRegistry([]);
const recordOf = (input: AuditInput) => JSON.parse(auditLine(input, redaction, actions)) as AuditRecord;

describe('a record', () => {
  it('accepts only the declared metadata of an action of the application', () => {
    const use = (audit: AuditTrail) => {
      audit.record({ action: 'typed.action', outcome: 'success', metadata: { amount: 1 } });
      // @ts-expect-error: the amount is a number
      audit.record({ action: 'typed.action', outcome: 'success', metadata: { amount: 'one' } });
      audit.record({ action: 'another.action', outcome: 'success', metadata: { anything: true } });
    };
    expect(use).toBeTypeOf('function');
  });

  it('has ids in the order of recording, also within one millisecond', () => {
    const ids = Array.from({ length: 2_000 }, () => recordOf({ action: 'a', outcome: 'success' }).id);
    expect(ids).toEqual([...ids].sort());
    expect(new Set(ids).size).toBe(2_000);
  });

  it('has severity WARNING by default if the outcome is not success', () => {
    expect(recordOf({ action: 'a', outcome: 'success' }).severity).toBe('INFO');
    expect(recordOf({ action: 'a', outcome: 'denied' }).severity).toBe('WARNING');
    expect(recordOf({ action: 'a', outcome: 'denied', severity: 'CRITICAL' }).severity).toBe('CRITICAL');
  });

  it('contains target and targets, target first', () => {
    const { target, targets } = recordOf({ action: 'a', outcome: 'success', target: 'x:1', targets: ['x:2\n', 'x:3'] });
    expect(target).toBe('x:1');
    expect(targets).toEqual(['x:1', 'x:2?', 'x:3']);
  });

  it('has the time of recording in milliseconds', () => {
    const before = Date.now();
    const { occurred_at: at } = recordOf({ action: 'a', outcome: 'success' });
    expect(at).toBe(new Date(at).toISOString());
    expect(Date.parse(at)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(at)).toBeLessThanOrEqual(Date.now());
  });

  it('has caller, tenant and API key of its request by default', () => {
    const user = { id: 'u', email: 'u@example.com', roles: [], sessionId: 's', tenantId: 'acme' };
    const request = {
      method: 'GET',
      url: '/',
      headers: {},
      user: { ...user, apiKey: { id: 'key-1', permissions: [] } },
    };
    const of = (input: Partial<AuditInput>) =>
      runWithContext(new RequestContext('r', request), () => recordOf({ action: 'a', outcome: 'success', ...input }));
    expect(of({ metadata: { b: 1 } })).toMatchObject({
      actor_id: 'u',
      tenant_id: 'acme',
      metadata: { b: 1, apiKeyId: 'key-1' },
    });
    expect(of({ actorId: 'v', tenantId: 'other' })).toMatchObject({ actor_id: 'v', tenant_id: 'other' });
  });
});
