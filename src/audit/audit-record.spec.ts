import { describe, expect, it } from 'vitest';
import type { AuditInput, AuditTrail } from '../common/index.js';
import { AuditActionRegistry } from './actions.js';
import { auditRecord } from './audit-record.js';
import { Redaction } from './redaction.js';

declare module '../common/index.js' {
  interface AuditActions {
    'typed.action': { amount: number };
  }
}

const redaction = new Redaction({ redact: [], redactEmails: false });
const actions = new AuditActionRegistry([]);
const recordOf = (input: AuditInput) => auditRecord(input, redaction, actions);

describe('a record', () => {
  it('of an action that the application has declared takes its metadata and no other', () => {
    const use = (audit: AuditTrail) => {
      audit.record({ action: 'typed.action', outcome: 'success', metadata: { amount: 1 } });
      // @ts-expect-error: the amount is a number
      audit.record({ action: 'typed.action', outcome: 'success', metadata: { amount: 'one' } });
      audit.record({ action: 'another.action', outcome: 'success', metadata: { anything: true } });
    };
    expect(use).toBeTypeOf('function');
  });

  it('has ids in the order of recording, within one millisecond too', () => {
    const ids = Array.from({ length: 2_000 }, () => recordOf({ action: 'a', outcome: 'success' }).id);
    expect(ids).toEqual([...ids].sort());
    expect(new Set(ids).size).toBe(2_000);
  });

  it('is of severity WARNING where something failed, unless told otherwise', () => {
    expect(recordOf({ action: 'a', outcome: 'success' }).severity).toBe('INFO');
    expect(recordOf({ action: 'a', outcome: 'denied' }).severity).toBe('WARNING');
    expect(recordOf({ action: 'a', outcome: 'denied', severity: 'CRITICAL' }).severity).toBe('CRITICAL');
  });

  it('has all its targets, the first before the others', () => {
    const { target, targets } = recordOf({ action: 'a', outcome: 'success', target: 'x:1', targets: ['x:2\n', 'x:3'] });
    expect(target).toBe('x:1');
    expect(targets).toEqual(['x:1', 'x:2?', 'x:3']);
  });
});
